"""The metadata store of a run that is about to begin: in a database, the root's own part of it, and all of that."""

from pathlib import Path

from pipeline.config.loader import LoadedConfig
from pipeline.results.listing import read_json, run_folders
from pipeline.results.runs import RESULT_FILE
from pipeline.store.place import StorePlace, place_for
from preprocessing.errors import UserError

_RECORDED = ("done", "cached")


def own_store(loaded: LoadedConfig) -> StorePlace:
    """Finds the store and makes sure of it. For the holder of the root's lock.

    Args:
      loaded: the configuration.

    Raises:
      UserError: the root has its records elsewhere; the database can't be used, has the pipeline's name from another
        root, or has forgotten what this root recorded there.
      OSError: the root can't be written.
    """
    place = place_for(loaded)
    if place.mysql is None:
        return place
    # Here and not at the top: ml-metadata, which other runs import later and beside something else.
    from pipeline.store.claiming import claim

    claim(place, loaded.config.name)
    _check_newest(place)
    return place


def _check_newest(place: StorePlace) -> None:
    """The newest run that recorded something is known: an older backup would give its numbers, and folders, again."""
    newest = next((each for each in run_folders(place.root) if _recorded(each)), None)
    if newest is None:
        return
    from pipeline.results.store import stored_run

    if not stored_run(place.root, newest.name):
        raise UserError(
            f"{place.name()} does not know run {newest.name} of {place.root}: it is older than that run, and would "
            "give its numbers and folders to new artifacts",
            field=("metadata", "mysql"),
            hint="restore a newer backup; or begin anew with another root and another name",
        )


def _recorded(folder: Path) -> bool:
    states = read_json(folder / RESULT_FILE).get("states", {})
    return any(state in _RECORDED for state in states.values())
