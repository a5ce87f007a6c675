"""Manifests that older versions wrote, in the shape of today: readers know one shape."""

from .signatures import FINISHED, TOKEN_SCORES, TRANSLATION

FORMAT = 3
# Version 0.1 wrote manifests of format 1, which do not carry their own digest. Until format 2 there
# was one task, answers lay in `parity.json`, and files might lack some outputs.
FORMATS = (1, 2, 3)
ANSWERS = "parity.npz"
OLD_ANSWERS = "parity.json"
LATER_OUTPUTS = {TOKEN_SCORES, FINISHED}


def may_lack(manifest):
    """Names of outputs that the files of a bundle need not have."""
    return LATER_OUTPUTS if manifest["format"] < FORMAT else set()


def upgraded_manifest(manifest):
    """A manifest of any format with all keys of one of today; its `format` stays.

    Args:
        manifest: dict, whose `signatures` hold ports by endpoint and side.
    """
    if manifest["format"] == FORMAT:
        return manifest
    return {
        "unknown": "keep",
        "rejection": None,
        "int8": None,
        "xla": False,
        **manifest,
        "task": TRANSLATION.name,
        "signatures": {
            endpoint: {side: _upgraded_ports(endpoint, side, sides[side]) for side in sides}
            for endpoint, sides in manifest["signatures"].items()
        },
    }


def _upgraded_ports(endpoint, side, ports):
    """Ports that were written as lists of axes, as they are written today."""
    known = TRANSLATION.signatures.get(endpoint, {}).get(side, {})
    if not isinstance(ports, dict):
        return ports
    return {
        name: known.get(name, port) if isinstance(port, list) else port
        for name, port in ports.items()
    }
