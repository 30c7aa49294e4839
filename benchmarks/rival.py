"""The rival: FastAPI and ONNX Runtime with the history by hand, at its best.

One file, one row through sqlite3, on a connection that is kept; uvloop and httptools under
uvicorn; a network of 109,000 parameters (Conv 16, pool, Conv 32, pool, Dense 128, Dense 10;
its weights are random, only its speed is compared), one thread a worker. It prepares as
MNIST's tutorials do: grey, inverted, 28x28.

    FOLDER=/tmp/rival python benchmarks/rival.py            # make the network and the database
    FOLDER=/tmp/rival uvicorn benchmarks.rival:app --workers 2 --no-access-log
"""

import os
import sqlite3
import time
import uuid
from pathlib import Path

import cv2
import numpy as np

FOLDER = Path(os.environ["FOLDER"])
NETWORK = FOLDER / "network.onnx"
TABLE = """
    CREATE TABLE upload (
        id INTEGER PRIMARY KEY, created_at REAL, path TEXT, digit INTEGER, probabilities BLOB
    )
"""


def prepare() -> None:
    """Make what `app` needs: the network, the table, the folder of the files."""
    import onnx

    (FOLDER / "media").mkdir()
    onnx.save(network(), NETWORK)
    with connect() as database:
        database.execute(TABLE)


def network():
    """The plain CNN as an ONNX model."""
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(0)
    shapes = {
        "conv1": (16, 1, 3, 3),
        "conv2": (32, 16, 3, 3),
        "dense1": (32 * 5 * 5, 128),
        "dense2": (128, 10),
    }
    weights = [
        numpy_helper.from_array(rng.normal(0, 0.05, shape).astype(np.float32), name)
        for name, shape in shapes.items()
    ]
    pool = {"kernel_shape": [2, 2], "strides": [2, 2]}
    nodes = [
        helper.make_node("Conv", ["pixels", "conv1"], ["a"]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("MaxPool", ["b"], ["c"], **pool),
        helper.make_node("Conv", ["c", "conv2"], ["d"]),
        helper.make_node("Relu", ["d"], ["e"]),
        helper.make_node("MaxPool", ["e"], ["f"], **pool),
        helper.make_node("Flatten", ["f"], ["g"]),
        helper.make_node("MatMul", ["g", "dense1"], ["h"]),
        helper.make_node("Relu", ["h"], ["i"]),
        helper.make_node("MatMul", ["i", "dense2"], ["j"]),
        helper.make_node("Softmax", ["j"], ["probabilities"]),
    ]
    graph = helper.make_graph(
        nodes,
        "plain",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, [1, 1, 28, 28])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [1, 10])],
        weights,
    )
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opset, ir_version=8)


def connect() -> sqlite3.Connection:
    database = sqlite3.connect(FOLDER / "db.sqlite3", timeout=20, isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=NORMAL")
    return database


def serve():
    """The application, with its network and its connection."""
    import onnxruntime
    from fastapi import FastAPI, UploadFile
    from fastapi.responses import JSONResponse

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(NETWORK, options, ["CPUExecutionProvider"])
    database = connect()
    app = FastAPI(openapi_url=None)

    @app.post("/mnist/classify")
    async def classify(image: UploadFile):
        upload = await image.read()
        grey = cv2.imdecode(np.frombuffer(upload, np.uint8), cv2.IMREAD_GRAYSCALE)
        small = cv2.resize(grey, (28, 28), interpolation=cv2.INTER_AREA)
        pixels = ((255 - small) / 255).astype(np.float32).reshape(1, 1, 28, 28)
        (probabilities,) = session.run(None, {"pixels": pixels})
        digit = int(probabilities.argmax())
        path = FOLDER / "media" / uuid.uuid4().hex
        path.write_bytes(upload)
        row = database.execute(
            "INSERT INTO upload (created_at, path, digit, probabilities) VALUES (?, ?, ?, ?)",
            (time.time(), str(path), digit, probabilities.tobytes()),
        )
        return JSONResponse(
            {
                "classification": str(digit),
                "id": row.lastrowid,
                "probabilities": probabilities[0].tolist(),
            }
        )

    return app


if __name__ == "__main__":
    prepare()
else:
    app = serve()
