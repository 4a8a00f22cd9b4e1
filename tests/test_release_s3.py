"""Releases in an S3 remote: a real client against a server on this machine."""

from __future__ import annotations

import shutil
import socket

import pytest

from tests.workspace_world import GIT, audited, run
from tests.worlds import votes_csv


@pytest.fixture
def bucket(monkeypatch):
    """The address of an S3 server with one bucket, `labels`."""
    import boto3
    from moto.server import ThreadedMotoServer

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for name, value in {**GIT, "AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "AWS_DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(name, value)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    server.start()
    try:
        address = f"http://127.0.0.1:{port}"
        boto3.client("s3", endpoint_url=address).create_bucket(Bucket="labels")
        yield address
    finally:
        server.stop()


@pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)  # aiobotocore's open sessions
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # botocore's and moto's own
def test_a_release_is_pushed_to_s3_and_audited_from_there(bucket, tmp_path):
    space = tmp_path / "space"
    run(tmp_path, "init", str(space))
    config = space / ".dvc" / "config"
    config.write_text(
        f"{config.read_text()}    remote = store\n['remote \"store\"']\n    url = s3://labels/audit\n    endpointurl = {bucket}\n    use_ssl = false\n"
    )
    run(space, "import", str(votes_csv(tmp_path / "answers.csv", items=30)), "--name", "crowd")
    audited(space)
    run(space, "gate")
    assert "its data was pushed" in run(space, "release", "v1")
    found = (space / "findings" / "findings.parquet").read_bytes()
    for name in ("tables", "measures", "findings", ".dvc/cache"):
        shutil.rmtree(space / name)
    run(space, "check", "--at", "v1")
    assert (space / "at" / "v1" / "findings.parquet").read_bytes() == found
