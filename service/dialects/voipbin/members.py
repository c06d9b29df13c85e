"""The members that customers may see of each of VoIPBIN's resources, in the order it writes them.

A word per member: its name, then marks.

- `?`: left out when empty;
- `!`: a secret;
- `=zero`: always the zero UUID, whatever the service knows;
- `=empty`, `=null`: written so where the service leaves it out;
- `<name`: taken from the internal member of that name;
- `:type`: its JSON type, unless it is a string; or a shape, with `_list` for a list of them.
"""

from collections.abc import Mapping

SHAPES: Mapping[str, Mapping[str, str]] = {
    "address": dict.fromkeys(("type", "target", "target_name", "name", "detail"), ""),
    "action": dict.fromkeys(("id", "next_id", "type", "option", "tm_execute"), ""),
    "target": {"destination": "address", "status": "", "parts": "", "tm_update": ""},
}
"""The members of objects within resources, each with its own shape; nothing else of them leaves."""

MEMBERS: Mapping[str, str] = {
    "call": (
        "id customer_id owner_type owner_id flow_id activeflow_id type? master_call_id "
        "chained_call_ids?:array recording_id recording_ids?:array groupcall_id=zero "
        "source:address destination:address status? action:action metadata?:object direction? "
        "mute_direction? hangup_by? hangup_reason? tm_progressing? tm_ringing? tm_hangup? "
        "tm_create? tm_update? tm_delete? "
    ),
    "groupcall": (
        "id customer_id owner_type owner_id status? flow_id source?:address "
        "destinations?:address_list master_call_id master_groupcall_id ring_method? answer_method? "
        "answer_call_id call_ids?:array answer_groupcall_id groupcall_ids?:array "
        "call_count?:integer groupcall_count?:integer dial_index?:integer tm_create? "
        "tm_update? tm_delete? "
    ),
    "recording": (
        "id customer_id owner_type owner_id activeflow_id reference_type? reference_id "
        "status? format? on_end_flow_id tm_start? tm_end? tm_create? tm_update? tm_delete? "
    ),
    "conference": (
        "id customer_id type? status? name? detail? data?:object timeout?:integer pre_flow_id "
        "post_flow_id conferencecall_ids?:array recording_id recording_ids?:array "
        "transcribe_id transcribe_ids?:array direct_hash tm_end tm_create tm_update tm_delete "
    ),
    "conferencecall": (
        "id customer_id activeflow_id conference_id reference_type? reference_id status? "
        "tm_create tm_update tm_delete "
    ),
    "message": (
        "id customer_id type source:address targets:target_list text direction tm_create tm_update "
        "tm_delete "
    ),
    "number": (
        "id customer_id number type call_flow_id message_flow_id name detail status "
        "t38_enabled:boolean emergency_enabled:boolean metadata:object tm_purchase tm_renew "
        "tm_create tm_update tm_delete "
    ),
    "transcribe": (
        "id customer_id activeflow_id on_end_flow_id reference_type reference_id status "
        "language direction provider tm_create tm_update tm_delete "
    ),
    "transcript": ("id customer_id transcribe_id direction message tm_transcript tm_create "),
    "speech": ("id customer_id streaming_id transcribe_id direction message? tm_event tm_create "),
    "queue": (
        "id customer_id name? detail? routing_method? tag_ids?:array direct_hash? "
        "wait_flow_id wait_timeout?:integer service_timeout?:integer "
        "wait_queuecall_ids?:array service_queuecall_ids?:array total_incoming_count?:integer "
        "total_serviced_count?:integer total_abandoned_count?:integer tm_create tm_update "
        "tm_delete "
    ),
    "queuecall": (
        "id customer_id reference_type? reference_id status? service_agent_id "
        "duration_waiting?:integer duration_service?:integer tm_create tm_service tm_update "
        "tm_delete "
    ),
    "flow": (
        "id customer_id type? name? detail? actions?:action_list direct_hash? on_complete_flow_id "
        "tm_create tm_update tm_delete "
    ),
    "activeflow": (
        "id customer_id flow_id status? reference_type? reference_id reference_activeflow_id "
        "on_complete_flow_id webhook_uri? webhook_method? current_action:action "
        "forward_action_id executed_actions?:action_list tm_create tm_update tm_delete "
    ),
    "campaign": (
        "id customer_id type name detail status service_level:integer end_handle "
        "actions:action_list outplan_id outdial_id queue_id next_campaign_id tm_create tm_update "
        "tm_delete "
    ),
    "campaigncall": (
        "id customer_id campaign_id outplan_id outdial_id outdial_target_id queue_id "
        "activeflow_id flow_id reference_type reference_id status result source:address "
        "destination:address destination_index:integer try_count:integer tm_create tm_update "
        "tm_delete "
    ),
    "outdial": ("id customer_id campaign_id name detail data tm_create tm_update tm_delete "),
    "agent": (
        "id customer_id username name detail ring_method status permission:integer "
        "tag_ids:array addresses:address_list direct_hash tm_create? tm_update? tm_delete? "
    ),
    "email": (
        "id customer_id source:address destinations:address_list status subject content "
        "attachments:array tm_create tm_update tm_delete "
    ),
    "ai": (
        "id customer_id name? detail? type? is_insight_active:boolean engine_model? "
        "parameter?:object engine_key?! rag_id init_prompt? current_prompt_history_id "
        "tts_type? tts_voice_id? stt_type? stt_language? vad_config?:object "
        "smart_turn_enabled?:boolean auto_aicall_audit_enabled?:boolean tool_names?:array "
        "direct_hash? tm_create tm_update tm_delete "
    ),
    "aicall": (
        "id customer_id assistance_type? assistance_id ai_engine_model? ai_tts_type? "
        "ai_tts_voice_id? ai_stt_type? ai_vad_config?:object ai_smart_turn_enabled?:boolean "
        "parameter?:object activeflow_id reference_type? reference_id confbridge_id "
        "current_member_id status? stt_language? metadata?:object tm_end tm_create tm_update "
        "tm_delete "
    ),
    "aimessage": (
        "id customer_id aicall_id activeflow_id active_ai_id role=empty content=empty "
        "direction=empty tool_calls?:array tool_call_id? tm_create "
    ),
    "aimessage_intermediate": (
        "id customer_id aicall_id activeflow_id active_ai_id role=empty content=empty "
        "direction=empty sequence:integer "
    ),
    "conversation": (
        "id customer_id owner_type owner_id account_id name? detail? type? dialog_id? "
        "self:address peer:address tm_create tm_update tm_delete "
    ),
    "conversation_message": (
        "id customer_id conversation_id direction? status? reference_type? reference_id "
        "source:address destination:address text? medias?:array tm_create tm_update tm_delete "
    ),
    "conversation_account": (
        "id customer_id type? name? detail? provider_data?:object message_flow_id tm_create "
        "tm_update tm_delete "
    ),
    "webchat_message": (
        "id customer_id widget_id session_id direction=empty status=empty sender_id "
        "text=empty tm_create=null tm_delete=null "
    ),
    "chat": (
        "id customer_id type? name? detail? member_count?:integer tm_create tm_update tm_delete "
    ),
    "chatmessage": (
        "id customer_id owner_type owner_id chat_id parent_id? type text medias:array "
        "metadata:object tm_create tm_update tm_delete "
    ),
    "customer": (
        "id name? detail? email? phone_number? address? webhook_method? webhook_uri? "
        "billing_account_id metadata:object email_verified:boolean status "
        "identity_verification_status tm_deletion_scheduled tm_create tm_update tm_delete "
    ),
    "accesskey": (
        "id customer_id name? detail? token?!<raw_token token_prefix?! tm_expire tm_create "
        "tm_update tm_delete "
    ),
    "billing_account": (
        "id customer_id name detail plan_type plan_status balance_credit:integer "
        "balance_token:integer payment_type payment_method paddle_subscription_id? "
        "paddle_customer_id? tm_last_topup tm_next_topup tm_create tm_update tm_delete "
    ),
    "storage_account": (
        "id customer_id total_file_count:integer total_file_size:integer tm_create tm_update "
        "tm_delete "
    ),
    "file": (
        "id customer_id owner_type owner_id reference_type reference_id type name detail "
        "filename filesize:integer uri_download tm_download_expire tm_create tm_update "
        "tm_delete "
    ),
    "trunk": (
        "id customer_id name detail domain_name auth_types:array username password! "
        "allowed_ips:array tm_create tm_update tm_delete "
    ),
    "contact": (
        "id customer_id first_name last_name display_name company job_title source "
        "external_id notes addresses?:array tag_ids?:array tm_create tm_update tm_delete "
    ),
}
