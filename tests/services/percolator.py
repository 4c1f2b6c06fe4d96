"""Elasticsearch 7.17 with its percolator, the peer that ``bench match --percolator`` is measured beside.

By hand, from the project's folder: ``python -m tests.services.percolator`` fetches it where it is not there (once), serves
until it is told to stop, and prints its address.
"""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator

from tests.services import finding, running

INSTALL = pathlib.Path(__file__).with_name("install-percolator")
NAME = "elasticsearch-7.17.29"
JAVA = range(17, 24)  # it needs the security manager, which Java 24 no longer has
START_SECONDS = 100.0
# As its own start script asks for, with a heap that 100,000 watches fit in many times.
OPTIONS = [
    "-Xms2g",
    "-Xmx2g",
    "-XX:+UseG1GC",
    "-XX:+ExitOnOutOfMemoryError",
    "-Xshare:auto",
    "-Djava.security.manager=allow",
    "-Djava.locale.providers=SPI,COMPAT",
    "-Dfile.encoding=UTF-8",
    "-Djna.nosys=true",
    "-Dio.netty.noUnsafe=true",
    "-Dio.netty.noKeySetOptimization=true",
    "-Dio.netty.recycler.maxCapacityPerThread=0",
    "-Dlog4j.shutdownHookEnabled=false",
    "-Dlog4j2.disable.jmx=true",
    "-Xlog:disable",
]
# The last line lets it choose the watches to try by all words of a batch of articles; by default it does so up to 1,024.
SETTINGS = """cluster.name: copytaster-peer
network.host: 127.0.0.1
discovery.type: single-node
xpack.security.enabled: false
cluster.routing.allocation.disk.threshold_enabled: false
indices.query.bool.max_clause_count: 131072
"""


def lacking() -> str | None:
    """What must be had first, as a sentence; None where it can be started."""
    if _java() is None:
        return f"Elasticsearch 7.17 needs a JDK of {JAVA.start} to {JAVA.stop - 1}: apt-get install openjdk-17-jre-headless."
    if not _home().is_dir():
        return f"The percolator is not there yet: run {INSTALL.relative_to(INSTALL.parents[2])}."
    return None


@contextlib.contextmanager
def started() -> Iterator[str]:
    """Its URL."""
    user, java = running.other_user("elasticsearch"), _java()
    with running.folder(user) as folder:
        home = shutil.copytree(_home(), folder / "home")  # it writes beside itself, and another user may not look into ours
        folder.joinpath("tmp").mkdir()
        port = running.free_port()
        addresses = f"http.port: {port}\ntransport.port: {running.free_port()}\n"
        home.joinpath("config/elasticsearch.yml").write_text(SETTINGS + addresses)
        if user:
            subprocess.run(["chown", "-R", user, str(folder)], check=True)
        places = [f"-Djava.io.tmpdir={folder}/tmp", f"-Des.path.home={home}", f"-Des.path.conf={home}/config"]
        kind = ["-Des.distribution.flavor=default", "-Des.distribution.type=zip", "-Des.bundled_jdk=false"]
        command = [
            f"{java}/bin/java",
            *OPTIONS,
            *places,
            *kind,
            "-cp",
            f"{home}/lib/*",
            "org.elasticsearch.bootstrap.Elasticsearch",
        ]
        env = {"LIBFFI_TMPDIR": f"{folder}/tmp", "PATH": os.defpath}
        url = f"http://127.0.0.1:{port}"
        how = {"cwd": home, "user": user, "env": env, "log": folder / "log", "start_seconds": START_SECONDS}
        with running.running(command, lambda: _answers(url), **how):
            yield url


def _home() -> pathlib.Path:
    return finding.cache() / NAME


def _java() -> pathlib.Path | None:
    """The newest that it runs on."""
    homes = [pathlib.Path(named) for named in (os.environ.get("JAVA_HOME"),) if named]
    homes += [path.parents[1] for path in pathlib.Path("/usr/lib/jvm").glob("*/bin/java")]
    fit = [(version, home) for home in homes if (version := finding._java_version(home)) in JAVA]
    return max(fit)[1] if fit else None


def _answers(url: str) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/_cluster/health", timeout=5):
        return True
    return False


def _serve() -> None:
    subprocess.run([INSTALL], check=True, stdout=subprocess.DEVNULL)
    if sentence := lacking():
        sys.exit(sentence)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt), started() as url:
        print(url, flush=True)
        signal.pause()


if __name__ == "__main__":
    _serve()
