"""Measurements that ship with the product: `copytaster bench`."""
