"""The profile of Voxtelesys as one value; see `service.profiles.profile`."""

from service.profiles.profile import Place, Profile
from service.profiles.voxtelesys import kazoo, voipbin
from service.profiles.voxtelesys.kinds import (
    DLR,
    FAX,
    INCOMING_CALL,
    KINDS,
    MO,
    NAME,
    RECORDING,
    STATUS,
)
from service.profiles.voxtelesys.write import write

MESSAGES = ("sms", "mms")
CALLS = ("call_ringing", "call_progressing", "call_hangup")
RECORDINGS = ("recording_started", "recording_finished")

OF_KAZOO = (
    Place(kazoo.NAME, "pivot", INCOMING_CALL, kazoo.incoming_call),
    *(
        Place(kazoo.NAME, hook, STATUS, kazoo.status)
        for hook in (*kazoo.STATUSES, "channel_destroy")
    ),
    *(Place(kazoo.NAME, hook, MO, kazoo.message, kazoo.parts_with_place) for hook in MESSAGES),
    Place(
        kazoo.NAME,
        "object",
        RECORDING,
        kazoo.recording,
        kazoo.parts_with_place,
        kazoo.sample_of_recording,
    ),
    Place(kazoo.NAME, "fax", FAX, kazoo.fax, kazoo.parts_with_place, kazoo.sample_of_fax),
)
OF_VOIPBIN = (
    Place(voipbin.NAME, "fetch", INCOMING_CALL, voipbin.incoming_call),
    *(Place(voipbin.NAME, hook, STATUS, voipbin.status) for hook in CALLS),
    *(Place(voipbin.NAME, hook, RECORDING, voipbin.recording) for hook in RECORDINGS),
    *(
        Place(
            voipbin.NAME, hook, kind, make, voipbin.parts_by_target, voipbin.sample_of_message
        )
        for hook, kind, make in (
            ("message_created", MO, voipbin.message),
            ("message_updated", DLR, voipbin.receipt),
        )
    ),
)  # fmt: skip

# Of messages, Kazoo publishes `inbound` and `outbound` alone (`kapi_im.erl`).
NEVER = {
    kazoo.NAME: {DLR.kind_id: "Kazoo's exchange im has no status of a sent message."},
    voipbin.NAME: {FAX.kind_id: "VoIPBIN's bus has no faxes."},
}

VOXTELESYS = Profile(
    name=NAME,
    kinds=KINDS,
    places=(*OF_KAZOO, *OF_VOIPBIN),
    never=NEVER,
    write=write,
    step=voipbin.step,
)
