"""Names of Kazoo's callflow modules: those of `applications/callflow/src/module/cf_*.erl`."""

MODULES = frozenset({
    "acdc_agent", "acdc_member", "acdc_queue", "acdc_wait_time", "after_bridge", "answer",
    "audio_macro", "branch_bnumber", "branch_variable", "call_forward", "call_waiting", "callflow",
    "camping_feature", "check_cid", "cidlistmatch", "collect_dtmf", "conference",
    "conference_feature", "customer_defined_notification", "dead_air", "device", "directory",
    "disa", "do_not_disturb", "dynamic_cid", "eavesdrop", "eavesdrop_feature", "edr", "fax_detect",
    "faxbox", "flush_dtmf", "function", "group", "group_pickup", "group_pickup_feature", "hangup",
    "hotdesk", "intercept", "intercept_feature", "intercom", "kvs_set", "language",
    "log_in_out_ring_group", "lookupcidname", "manual_presence", "menu", "missed_call_alert",
    "move", "nomorobo", "noop", "notification", "number_rewrite", "offnet", "page_group", "park",
    "pickup_any_group", "pivot", "play", "prepend_cid", "privacy", "qubicle", "receive_fax",
    "record_call", "record_caller", "resources", "response", "ring_group", "ring_group_toggle",
    "route_to_cid", "send_dtmf", "set", "set_alert_info", "set_cid", "set_variable",
    "set_variables", "sleep", "temporal_route", "transfer", "tts", "user", "voicemail",
    "wait_for_hangup", "webhook",
})  # fmt: skip
