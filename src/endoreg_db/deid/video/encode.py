"""The encoders of the output: x264 on one thread, or hardware by its name in FFmpeg.

Whichever it is: closed GOPs, nothing but picture in the stream, one set of parameters for all pieces.
Only x264 gives the same bytes on every machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import av
from av.codec.context import CodecContext, Flags
from av.codec.hwaccel import HWAccel
from av.video.codeccontext import VideoCodecContext

from endoreg_db.deid.messages import SOFTWARE_ENCODER, Analysis, EncodeSettings
from endoreg_db.deid.video.probe import StreamLook

_NO_SEI = "filter_units=remove_types=6"  # NAL unit type 6: supplemental information (H.264, 7.4.1)
#: Drivers also write parameter sets, delimiters and filler of their own between the slices.
_SLICES_ALONE = "filter_units=pass_types=1|5"

_KEYFRAME_EVERY = 250  # frames; x264's default, said to hardware as well

#: x264's own names for the searches that are left out; "partitions" means those of P frames.
_ANALYSIS: Mapping[Analysis, tuple[str, ...]] = MappingProxyType(
    {
        "auto": (),
        "preset": (),
        "no_reordering": ("bframes=0",),
        "whole_blocks": ("bframes=0", "partitions=none"),
    }
)


@dataclass(frozen=True, slots=True)
class Hardware:
    """How one of FFmpeg's hardware encoders is set up. All of them take NV12 and reorder nothing."""

    quality: tuple[str, ...]  # options that say how good the picture is to be, from 1 (best) to 51
    options: Mapping[str, str]
    device: str | None = None  # FFmpeg's name of what it must be given; None: it finds its own


#: By FFmpeg's names. The scale of quality has x264's ends; what is between them was not compared.
HARDWARE: Mapping[str, Hardware] = MappingProxyType(
    {
        "h264_nvenc": Hardware(
            ("cq",),
            {"preset": "p4", "rc": "vbr", "forced-idr": "1", "a53cc": "0", "udu_sei": "0", "extra_sei": "0"},
        ),
        "h264_qsv": Hardware(
            ("global_quality",),
            {"preset": "medium", "idr_interval": "0", "a53cc": "0", "pic_timing_sei": "0"},
        ),
        "h264_amf": Hardware(("qp_i", "qp_p"), {"usage": "transcoding", "quality": "balanced", "rc": "cqp"}),
        "h264_vaapi": Hardware(("qp",), {"rc_mode": "CQP", "idr_interval": "0", "sei": "0"}, device="vaapi"),
    }
)


def is_there(name: str) -> bool:
    """Whether the FFmpeg of this installation has the encoder; whether it works is another question."""
    try:
        return bool(av.codec.Codec(name, "w").is_encoder)
    except ValueError:
        return False


def clean_filter(encoder: str) -> str:
    """The bitstream filter that takes out user data: x264 writes its version and options there."""
    return _NO_SEI if encoder == SOFTWARE_ENCODER else _SLICES_ALONE


def as_input(frame: av.VideoFrame, encoder: str) -> av.VideoFrame:
    """The frame (8-bit 4:2:0) as the encoder takes it: hardware gets one that is reused by nobody."""
    return frame if encoder == SOFTWARE_ENCODER else frame.reformat(format="nv12")


def open_encoder(settings: EncodeSettings, look: StreamLook, width: int, height: int) -> VideoCodecContext:
    """An encoder whose packets can be joined with those of any other opened with the same values.

    Raises:
        av.error.FFmpegError, ValueError: it is not there, or refuses.
    """
    encoder = create_encoder(settings.encoder)
    configure(encoder, settings, look, width, height)
    encoder.open()
    return encoder


def create_encoder(name: str) -> VideoCodecContext:
    """An encoder that is not set up yet.

    Raises:
        ValueError: FFmpeg does not have it.
    """
    device = None if name == SOFTWARE_ENCODER else HARDWARE[name].device
    encoder = CodecContext.create(name, "w", None if device is None else HWAccel(device))
    assert isinstance(encoder, VideoCodecContext)
    return encoder


def configure(
    encoder: VideoCodecContext, settings: EncodeSettings, look: StreamLook, width: int, height: int
) -> None:
    """Set everything that the bytes depend on; the muxer's own context needs the same values."""
    encoder.width, encoder.height = width, height
    encoder.time_base, encoder.framerate = look.time_base, look.frame_rate
    encoder.color_range = look.colour_range
    encoder.color_primaries, encoder.color_trc = look.primaries, look.transfer
    encoder.colorspace = look.matrix
    if look.pixel_aspect is not None:
        encoder.sample_aspect_ratio = look.pixel_aspect
    encoder.flags |= int(Flags.bitexact) | int(Flags.closed_gop) | int(Flags.global_header)
    if settings.encoder == SOFTWARE_ENCODER:
        encoder.pix_fmt = "yuv420p"
        # Frame threads would make the bytes depend on their number.
        encoder.thread_count = 1
        encoder.options = _options(settings, coded_field_order(look, height))
    else:
        encoder.pix_fmt = "nv12"
        encoder.gop_size, encoder.max_b_frames = _KEYFRAME_EVERY, 0
        hardware, quality = HARDWARE[settings.encoder], str(max(1, settings.crf))
        encoder.options = {**hardware.options, **dict.fromkeys(hardware.quality, quality)}


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
