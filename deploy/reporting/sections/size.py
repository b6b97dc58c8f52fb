"""What files weigh and what their networks cost."""

from collections.abc import Iterator

from ppghost.deploy.reporting.data import ReportData
from ppghost.deploy.reporting.messages import Messages, Words
from ppghost.deploy.reporting.pages.blocks import Block, Paragraph, Table
from ppghost.deploy.reporting.sections.cells import (
    NOTHING,
    format_millions,
    format_shapes,
    format_weights,
)
from ppghost.deploy.reporting.sections.section import Section


def build(data: ReportData, t: Messages) -> Iterator[Block]:
    """A line a file."""
    headers = [
        t["model"], t["precision"], t["input"], t["size_mb"], t["params_m"], t["macs_m"],
        t["weights"],
    ]  # fmt: skip
    rows = [
        [
            row.model,
            row.precision,
            format_shapes(row) or NOTHING,
            format_millions(row.nb_bytes),
            format_millions(row.params),
            format_millions(row.macs),
            format_weights(row, t),
        ]
        for row in data.files
    ]
    yield Table(headers, rows, frozenset({1, 6}))
    yield Paragraph(t["space"].join((t["macs_rule"], t["unknown_rule"])))


SECTION = Section(
    Words("Size and complexity", "模型大小与计算量"),
    build,
    {
        "input": Words("Input", "输入"),
        "size_mb": Words(".nb file MB", ".nb 文件 MB"),
        "macs_m": Words("MACs M", "MACs M"),
        "weights": Words("Weights", "权重"),
        "macs_rule": Words(
            "MACs: multiply-accumulates of convolutions and fully connected layers for one image, "
            'counted on the program that was exported. Other tools\' "FLOPs" count other things.',
            "MACs：单张图像在卷积层与全连接层上的乘加次数，在导出的 Program 上统计；"
            "其他工具的 FLOPs 统计口径不同。",
        ),
        "unknown_rule": Words(
            '"-": not known. ppghost export writes the counts into inference.yml and ppghost '
            "convert passes them on; models of others, and results of before, hold none.",
            "“-”：未知。统计值由 ppghost export 写入 inference.yml 并经 ppghost convert 传递；"
            "第三方模型及旧结果文件不含该信息。",
        ),
    },
)
