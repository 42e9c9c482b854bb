"""Takes a pipeline's name in a database for one root: names are what tells apart the pipelines that share it.

TFX's cache, the champion and the baseline go by the pipeline's name. Two roots with one name in one database would
take each other's artifacts, and a clean-up of the one would remove what the other needs.
"""

import platform
from dataclasses import replace

from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2

from pipeline.store import database
from pipeline.store.opened import opened, wait_for
from pipeline.store.place import PLACE_FILE, StorePlace
from preprocessing.errors import UserError

_TYPE = "pipeline"
"""TFX's context of a pipeline, which its name makes unique in the database."""
_IDENTITY, _PLACE = "lockgate_root", "lockgate_place"


def claim(place: StorePlace, pipeline: str) -> None:
    """Makes sure that the database's records of a pipeline are this root's, and names the database in the root.

    For the holder of the root's lock, before anything is read or written there.

    Args:
      place: the store; nothing is done for one of SQLite.
      pipeline: its name.

    Raises:
      UserError: another root has the name, the database has lost the pipeline, or it can't be used.
      OSError: the root can't be written.
    """
    if place.mysql is None:
        return
    wait_for(place.mysql)
    try:
        with database.alone(place.mysql):
            # The tables are made by whoever opens first.
            _take(opened(place), place, pipeline)
    except database.UnreachableError as error:
        raise UserError(f"{error}", field=("metadata", "mysql"), hint="run again when the server answers") from None
    if pipeline not in place.pipelines:
        place = replace(place, pipelines=(*place.pipelines, pipeline))
    place.write()


def _take(store: metadata_store.MetadataStore, place: StorePlace, pipeline: str) -> None:
    here = f"{platform.node()}:{place.root}"
    kind = store.put_context_type(metadata_store_pb2.ContextType(name=_TYPE))
    context = store.get_context_by_type_and_name(_TYPE, pipeline)
    if context is None and pipeline in place.pipelines:
        raise UserError(
            f"{place.name()} has no pipeline {pipeline!r}, although runs of this root are recorded there: it is "
            "another database, or older than they are",
            field=("metadata", "mysql"),
            hint=f"restore the right one; or remove {PLACE_FILE} in {place.root}, and the next run begins anew",
        )
    if context is None:
        context = metadata_store_pb2.Context(type_id=kind, name=pipeline)
    owner = context.custom_properties[_IDENTITY].string_value
    # A root that was removed and made again at the same place has another identity, and the same right to the name.
    if context.id and owner != place.identity and context.custom_properties[_PLACE].string_value != here:
        whose = context.custom_properties[_PLACE].string_value or "another program"
        raise UserError(
            f"{place.name()} has a pipeline {pipeline!r} already, of {whose}; one name there means one root",
            field=("name",),
            hint="give this pipeline another name, or another database; or run it in that root",
        )
    context.custom_properties[_IDENTITY].string_value = place.identity
    context.custom_properties[_PLACE].string_value = here
    store.put_contexts([context])
