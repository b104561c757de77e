"""What an offline run of W&B has written, read back."""

import json
import time

PATIENCE = 60.0  # seconds; W&B's service may still be writing when the run is over
HEADER, BLOCK, PREFIX, LAST = 7, 2**15, 7, (1, 4)  # of the file, bytes; of a block; of a piece; kinds that end a record


def written(file):
    """The records of a W&B file, which is a log of LevelDB: pieces of records in blocks."""
    data, at, whole = file.read_bytes(), HEADER, b""
    while at + PREFIX <= len(data):
        if BLOCK - at % BLOCK < PREFIX:
            at += BLOCK - at % BLOCK
            continue
        length, kind = int.from_bytes(data[at + 4 : at + 6], "little"), data[at + 6]
        if at + PREFIX + length > len(data):  # still being written
            return
        whole += data[at + PREFIX : at + PREFIX + length]
        at += PREFIX + length
        if kind in LAST:
            yield whole
            whole = b""


def complete(file):
    """The records of a file that has its last one."""
    from wandb.proto import wandb_internal_pb2

    deadline = time.monotonic() + PATIENCE
    while True:
        found = [wandb_internal_pb2.Record.FromString(data) for data in written(file)]
        if any(record.HasField("exit") for record in found):
            return found
        assert time.monotonic() < deadline, f"{file} is never complete"
        time.sleep(0.1)


def records(file):
    """What an offline run of W&B holds: keys of the history and of the summary, the configuration, and artifacts."""
    found = {"history": set(), "config": {}, "summary": set(), "artifacts": set()}
    for record in complete(file):
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
