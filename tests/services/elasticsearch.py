"""A real Elasticsearch of the tests' own: one for all processes of a run, which ends when the last of them has left.

By hand, from the project's folder: ``python -m tests.services.elasticsearch`` serves until Ctrl-C and prints its address;
``--secured`` is one with TLS by its own authority and an administrator.
"""

import contextlib
import fcntl
import os
import pathlib
import shutil
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass

from tests.services import finding, running

ROOT = pathlib.Path(__file__).parents[2]
START_SECONDS = 200.0  # 15 s on a machine that does nothing else, 85 s were seen on a busy one
HEAP = "512m"
ADMINISTRATOR, PASSWORD = "administrator", "for-tests-only"
JVM_OPTIONS = f"""-Xms{HEAP}
-Xmx{HEAP}
-XX:-AlwaysPreTouch
-XX:+UseSerialGC
-XX:TieredStopAtLevel=1
-XX:+ExitOnOutOfMemoryError
-Djava.io.tmpdir=${{ES_TMPDIR}}
--add-modules=jdk.incubator.vector
"""
OPEN = "xpack.security.enabled: false"
SECURED = """xpack.security.enabled: true
xpack.security.autoconfiguration.enabled: false
xpack.security.http.ssl.enabled: true
xpack.security.http.ssl.key: http.key
xpack.security.http.ssl.certificate: http.pem
xpack.security.http.ssl.certificate_authorities: [ca.pem]"""


@dataclass(frozen=True)
class Server:
    port: int
    ca: pathlib.Path | None = None  # the authority's PEM file, where it is secured

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}" if self.ca else f"http://127.0.0.1:{self.port}"

    @property
    def administrators_url(self) -> str:
        return self.url.replace("://", f"://{ADMINISTRATOR}:{PASSWORD}@")

    def answers(self) -> bool:
        """It counts as an answer that it does not know us."""
        context = ssl.create_default_context(cafile=str(self.ca)) if self.ca else None
        try:
            with urllib.request.urlopen(f"{self.url}/_cluster/health", timeout=5, context=context):
                return True
        except urllib.error.HTTPError as error:
            error.close()
            return error.code == 401
        except OSError:
            return False


@contextlib.contextmanager
def started(*, secured: bool = False) -> Iterator[Server]:
    """One of our own for as long as the block runs."""
    home, java = finding.need("elasticsearch"), finding.java()
    user = running.other_user("elasticsearch")
    with running.folder(user) as folder:
        server = _configured(folder, home, secured=secured)
        folder.joinpath("tmp").mkdir()
        if user:  # it refuses root, and may not look into root's folders
            home = shutil.copytree(home, folder / "home")
            subprocess.run(["chown", "-R", user, str(folder)], check=True)
        env = {
            "ES_HOME": str(home),
            "ES_PATH_CONF": str(folder / "config"),
            "ES_JAVA_HOME": str(java),
            "JAVA_HOME": str(java),
            "JAVA": f"{java}/bin/java",
            "JAVA_TYPE": "ES_JAVA_HOME",
            "ES_DISTRIBUTION_TYPE": "tar",
            "ES_TMPDIR": str(folder / "tmp"),  # it may not read its own modules as files, so they must not lie in there
        }
        launcher = [f"{java}/bin/java", "-Xms4m", "-Xmx64m", "-XX:+UseSerialGC", "-cp", f"{home}/lib/tools/server-launcher/*"]
        command = [*launcher, "org.elasticsearch.server.launcher.ServerLauncher"]
        # Elsewhere than in its home it says that the installation is corrupt.
        how = {"cwd": home, "user": user, "env": env, "log": folder / "log", "start_seconds": START_SECONDS}
        with running.running(command, server.answers, **how):
            yield server


def _configured(folder: pathlib.Path, home: pathlib.Path, *, secured: bool) -> Server:
    config = folder / "config"
    shutil.copytree(home / "config", config)
    server = Server(running.free_port(), _certificates(config) if secured else None)
    config.joinpath("jvm.options").write_text(JVM_OPTIONS)  # Elasticsearch's own writes a log of 64 MB beside itself
    config.joinpath("elasticsearch.yml").write_text(
        f"cluster.name: copytaster-tests\nhttp.port: {server.port}\ntransport.port: {running.free_port()}\n"
        f"network.host: 127.0.0.1\ndiscovery.type: single-node\npath.data: {folder}/data\npath.logs: {folder}/logs\n"
        f"cluster.routing.allocation.disk.threshold_enabled: false\n{SECURED if secured else OPEN}\n"
    )
    return server


def _certificates(config: pathlib.Path) -> pathlib.Path:
    """Key and certificate of an authority of our own, and the administrator's account."""
    import bcrypt
    import trustme

    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    issued.private_key_pem.write_to_path(config / "http.key")
    issued.cert_chain_pems[0].write_to_path(config / "http.pem")
    authority.cert_pem.write_to_path(config / "ca.pem")
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4, prefix=b"2a")).decode()
    config.joinpath("users").write_text(f"{ADMINISTRATOR}:{hashed}\n")
    config.joinpath("users_roles").write_text(f"superuser:{ADMINISTRATOR}\n")
    return config / "ca.pem"


@contextlib.contextmanager
def shared(folder: pathlib.Path, *, secured: bool = False) -> Iterator[Server]:
    """The one that all processes share which name this folder.

    It is kept by a process of its own, which waits until nobody holds ``users`` any more: a worker of the tests that is
    killed lets go of it, too.
    """
    finding.need("elasticsearch")
    place = folder / ("elasticsearch-secured" if secured else "elasticsearch")
    place.mkdir(exist_ok=True)
    with place.joinpath("users").open("w") as users:
        with place.joinpath("lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            fcntl.flock(users, fcntl.LOCK_SH)  # waits while the one before is being stopped
            address = place / "address"
            if not address.exists():
                _spawn(place, address, secured=secured)
            port, ca = address.read_text().split()
        yield Server(int(port), pathlib.Path(ca) if secured else None)


def _spawn(place: pathlib.Path, address: pathlib.Path, *, secured: bool) -> None:
    wanted = ["--secured"] if secured else []
    command = [sys.executable, "-m", "tests.services.elasticsearch", *wanted, "--keep", str(place)]
    said = place / "said"
    redirect = [(os.POSIX_SPAWN_OPEN, fd, str(said), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600) for fd in (1, 2)]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    keeper = os.posix_spawn(sys.executable, command, env, file_actions=redirect)
    while not address.exists():
        assert os.waitpid(keeper, os.WNOHANG) == (0, 0), f"Elasticsearch does not start:\n{said.read_text()[-2000:]}"
        time.sleep(0.05)


def _keep(place: pathlib.Path, *, secured: bool) -> None:
    """Serve until everybody has left; who comes while it stops waits, and starts another."""
    with place.joinpath("users").open() as users, started(secured=secured) as server:
        made = place / "made"
        made.write_text(f"{server.port} {server.ca}")
        made.rename(place / "address")
        fcntl.flock(users, fcntl.LOCK_EX)
        place.joinpath("address").unlink()


def _serve(*, secured: bool) -> None:
    with started(secured=secured) as server, contextlib.suppress(KeyboardInterrupt):
        print(server.administrators_url if secured else server.url, server.ca or "", flush=True)
        while True:
            time.sleep(3600)


if __name__ == "__main__":
    if "--keep" in sys.argv:
        _keep(pathlib.Path(sys.argv[-1]), secured="--secured" in sys.argv)
    else:
        _serve(secured="--secured" in sys.argv)
