"""What an offline run of W&B has written, read back."""

import json

HEADER, BLOCK, PREFIX, LAST = 7, 2**15, 7, (1, 4)  # of the file, bytes; of a block; of a piece; kinds that end a record


def written(file):
    """The records of a W&B file, which is a log of LevelDB: pieces of records in blocks."""
    data, at, whole = file.read_bytes(), HEADER, b""
    while at + PREFIX <= len(data):
        if BLOCK - at % BLOCK < PREFIX:
            at += BLOCK - at % BLOCK
            continue
        length, kind = int.from_bytes(data[at + 4 : at + 6], "little"), data[at + 6]
        whole += data[at + PREFIX : at + PREFIX + length]
        at += PREFIX + length
        if kind in LAST:
            yield whole
            whole = b""


def records(file):
    """What an offline run of W&B holds: keys of the history and of the summary, the configuration, and artifacts."""
    from wandb.proto import wandb_internal_pb2

    found = {"history": set(), "config": {}, "summary": set(), "artifacts": set()}
    for data in written(file):
        record = wandb_internal_pb2.Record()
        record.ParseFromString(data)
        found["history"] |= {item.key or "/".join(item.nested_key) for item in record.history.item}
        found["history"] |= {item.nested_key[0] for item in record.history.item if item.nested_key}  # of pictures
        settings = (*record.run.config.update, *record.config.update)
        found["config"] |= {item.key or item.nested_key[0]: json.loads(item.value_json) for item in settings}
        found["summary"] |= {item.key or "/".join(item.nested_key) for item in record.summary.update}
        if record.HasField("artifact"):
            found["artifacts"].add((record.artifact.type, *sorted(e.path for e in record.artifact.manifest.contents)))
        if record.HasField("run"):
            found["run"] = (record.run.run_id, record.run.run_group)
    return found
