"""TFLite files made in tests: tensors and operators, packed by the reader's own classes."""

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

KINDS = {"int8": "INT8", "uint8": "UINT8", "int32": "INT32", "float32": "FLOAT32", "int16": "INT16", "int64": "INT64"}


class FileMaker:
    """Collects tensors and operators; `pack` returns the bytes of the file."""

    def __init__(self):
        self.tensors, self.operators, self.codes, self.buffers = [], [], [], [_buffer(b"")]
        self.inputs: list[int] = []
        self.outputs: list[int] = []

    def tensor(self, shape, dtype="int8", scale=(), zero_point=(), axis=0, value=None) -> int:
        """Add a tensor and return its number."""
        made = schema.TensorT()
        made.shape, made.type, made.name = (
            list(shape),
            getattr(schema.TensorType, KINDS[dtype]),
            f"t{len(self.tensors)}",
        )
        made.buffer = 0
        if value is not None:
            made.buffer = len(self.buffers)
            self.buffers.append(_buffer(np.asarray(value, np.dtype(dtype).newbyteorder("<")).tobytes()))
        scales = np.atleast_1d(np.asarray(scale, np.float32))
        if scales.size:
            made.quantization = schema.QuantizationParametersT()
            made.quantization.scale = scales.tolist()
            zeros = np.atleast_1d(np.asarray(zero_point, np.int64))
            made.quantization.zeroPoint = (zeros if zeros.size else np.zeros(len(scales), np.int64)).tolist()
            made.quantization.quantizedDimension = axis
        self.tensors.append(made)
        return len(self.tensors) - 1

    def constant(self, value, dtype="int32") -> int:
        """Add a constant without quantization."""
        return self.tensor(np.shape(value), dtype, value=value)

    def operator(self, name, inputs, outputs, version=1, **options):
        """Add an operator; ``options`` are fields of its options' class, whose name is ``kind`` or follows from its."""
        code = schema.OperatorCodeT()
        code.builtinCode = getattr(schema.BuiltinOperator, name)
        code.deprecatedBuiltinCode = min(code.builtinCode, 127)
        code.version = version
        self.codes.append(code)
        made = schema.OperatorT()
        made.opcodeIndex, made.inputs, made.outputs = len(self.codes) - 1, list(inputs), list(outputs)
        kind = options.pop("kind", None)
        if kind:
            made.builtinOptions = getattr(schema, f"{kind}T")()
            made.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
            for field, value in options.items():
                assert hasattr(made.builtinOptions, field), field
                setattr(made.builtinOptions, field, value)
        self.operators.append(made)

    def pack(self) -> bytes:
        graph = schema.SubGraphT()
        graph.tensors, graph.operators, graph.inputs, graph.outputs = (
            self.tensors, self.operators, self.inputs, self.outputs,
        )  # fmt: skip
        model = schema.ModelT()
        model.version, model.subgraphs, model.operatorCodes, model.buffers = 3, [graph], self.codes, self.buffers
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())


def _buffer(data: bytes):
    made = schema.BufferT()
    made.data = np.frombuffer(data, np.uint8)
    return made
