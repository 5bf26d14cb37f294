"""The one encoder of the output: x264, one thread, closed GOPs, nothing but picture in the stream."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from av.codec.context import CodecContext, Flags
from av.video.codeccontext import VideoCodecContext

from endoreg_db.deid.messages import Analysis, EncodeSettings
from endoreg_db.deid.video.probe import StreamLook

_H264_NO_SEI = "filter_units=remove_types=6"  # NAL unit type 6: supplemental information (H.264, 7.4.1)

#: x264's own names for the searches that are left out; "partitions" means those of P frames.
_ANALYSIS: Mapping[Analysis, tuple[str, ...]] = MappingProxyType(
    {
        "auto": (),
        "preset": (),
        "no_reordering": ("bframes=0",),
        "whole_blocks": ("bframes=0", "partitions=none"),
    }
)


def no_sei_filter() -> str:
    """The bitstream filter that takes user data out: x264 writes its version and options there."""
    return _H264_NO_SEI


def open_encoder(settings: EncodeSettings, look: StreamLook, width: int, height: int) -> VideoCodecContext:
    """An encoder whose packets can be joined with those of any other opened with the same values."""
    encoder = CodecContext.create("libx264", "w")
    assert isinstance(encoder, VideoCodecContext)
    configure(encoder, settings, look, width, height)
    encoder.open()
    return encoder


def configure(
    encoder: VideoCodecContext, settings: EncodeSettings, look: StreamLook, width: int, height: int
) -> None:
    """Set everything that the bytes depend on; the muxer's own context needs the same values."""
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base, encoder.framerate = look.time_base, look.frame_rate
    encoder.color_range = look.colour_range
    encoder.color_primaries, encoder.color_trc = look.primaries, look.transfer
    encoder.colorspace = look.matrix
    if look.pixel_aspect is not None:
        encoder.sample_aspect_ratio = look.pixel_aspect
    # Frame threads would make the bytes depend on their number.
    encoder.thread_count = 1
    encoder.flags |= int(Flags.bitexact) | int(Flags.closed_gop) | int(Flags.global_header)
    encoder.options = _options(settings, coded_field_order(look, height))


def coded_field_order(look: StreamLook, height: int) -> str:
    """Field order for the encoder: H.264 codes two fields only in frames of 4·n rows (4:2:0)."""
    return look.field_order if height % 4 == 0 else ""


def _options(settings: EncodeSettings, field_order: str) -> dict[str, str]:
    options = {
        "preset": settings.preset,
        "crf": str(settings.crf),
        # Closed captions of the source would be copied into the output (they are side data).
        "a53cc": "0",
        "udu_sei": "0",
    }
    parameters = [*_ANALYSIS[settings.analysis], *([f"{field_order}=1"] if field_order else [])]
    if parameters:
        options["x264-params"] = ":".join(parameters)
    return options
