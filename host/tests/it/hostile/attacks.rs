//! Every attack that the host is held to, what must come of it, and the tests that show it.
//!
//! Invariant: a number means the same attack for ever. What nothing shows yet says so, and why. `shown` checks that the
//! tests exist and writes the table into `README.md` beside this file.

/// What must come of an attack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The turn ends with a reason, its sandbox is dropped and nothing of it is kept.
    Trap,
    /// The guest is told that it may not, and nothing was done.
    Deny,
    /// Refused where it comes in, with a stable code, and nothing is kept.
    Reject,
    /// Answered like something that does not exist, to the byte.
    Absent,
    /// A dead letter of that tenant, after its attempts.
    DeadLetter,
    /// It is served as far as a limit allows, and nobody else notices.
    Bounded,
    /// It means nothing: taken as data, or left out.
    Inert,
}

impl Outcome {
    /// All of them, each with its word and what it means.
    pub(super) const ALL: [(Self, &str, &str); 7] = [
        (
            Self::Trap,
            "TRAP",
            "the turn ends with a reason, its sandbox is dropped and nothing of it is kept",
        ),
        (
            Self::Deny,
            "DENY",
            "the guest is told that it may not, and nothing was done",
        ),
        (
            Self::Reject,
            "REJECT",
            "refused where it comes in, with a stable code, and nothing is kept",
        ),
        (
            Self::Absent,
            "404",
            "answered like something that does not exist, to the byte",
        ),
        (
            Self::DeadLetter,
            "DLQ",
            "a dead letter of that tenant, after its attempts",
        ),
        (
            Self::Bounded,
            "BOUNDED",
            "served as far as a limit allows, and nobody else notices",
        ),
        (
            Self::Inert,
            "INERT",
            "it means nothing: taken as data, or left out",
        ),
    ];
}

/// An attack.
pub(super) struct Attack {
    /// As `A17`.
    pub(super) number: &'static str,
    pub(super) what: &'static str,
    pub(super) outcome: Outcome,
    /// Tests, as the test runner names them.
    pub(super) shown: &'static [&'static str],
    /// What no test shows yet, and why.
    pub(super) open: &'static str,
}

macro_rules! attack {
    ($number:ident $outcome:ident $what:literal $shown:expr $(, open: $open:literal)?) => {
        Attack {
            number: stringify!($number),
            what: $what,
            outcome: Outcome::$outcome,
            shown: &$shown,
            open: concat!($($open)?),
        }
    };
}

/// What a guest spends: processor, memory, stack, time.
pub(super) const SPENDING: &[Attack] = &[
    attack!(A1 Trap "loops for ever" [
        "sandbox::tests::a_guest_is_ended",
        "sandbox::tests::cutting::a_loop_lets_others_run",
        "sandbox::tests::nested::the_cpu_of_a_tool_is_its_callers",
    ]),
    attack!(A3 Trap "fills and copies all of its memory for ever, which no clock interrupts within one instruction" [
        "sandbox::tests::attacking::bulk_instructions_without_end",
    ]),
    attack!(A5 Trap "grows its memories to the limit, one or many" [
        "sandbox::tests::limits::memory",
        "sandbox::tests::limits::memories_are_summed",
        "sandbox::fences::tests::memories_are_summed_up_to_the_limit_and_no_byte_further",
    ]),
    attack!(A6 Reject "asks for more memory or larger tables than there may be from the start" [
        "sandbox::intake::precheck::tests::memory_is_summed_over_modules",
        "sandbox::intake::precheck::tests::each_limit_holds_at_its_value_and_no_further",
        "sandbox::intake::precheck::tests::what_is_sealed_off_stays_off",
        "sandbox::tests::limits::a_minimum_beyond_the_limit",
    ]),
    attack!(A7 Trap "grows its tables to the limit" [
        "sandbox::tests::attacking::tables_that_grow_without_end",
        "sandbox::tests::limits::tables_are_summed",
        "sandbox::fences::tests::tables_are_summed_up_to_the_limit_and_no_element_further",
    ]),
    attack!(A8 Trap "recurses for ever, and calls the host with next to no stack left" [
        "sandbox::tests::a_guest_is_ended",
        "sandbox::tests::limits::stack",
    ]),
    attack!(A9 Reject "nests types deeper than the parser's stack, or doubles a signature with each type" [
        "sandbox::intake::precheck::tests::bombs::types_nested_deeper_than_any_stack",
        "sandbox::intake::world::tests::a_signature_that_doubles_with_each_type_is_cut",
    ]),
    attack!(A10 Trap "sleeps for nothing, for centuries, or until a time beyond the calendar" [
        "sandbox::tests::wasi::a_sleep_of_centuries_ends_at_the_deadline",
        "sandbox::tests::wasi::what_wasi_answers",
        "sandbox::tests::cutting::the_deadline_ends_a_wait_and_the_log_is_kept",
    ]),
    attack!(A12 Bounded "starts more turns at once than a tenant may run" [
        "backlog::a_deep_queue_waits_in_the_store",
        "dispatch::queue::tests::tenants_share_by_the_cpu_they_used_and_their_weight",
        "dispatch::queue::tests::an_agent_gets_a_delivery_however_much_others_hold",
        "dispatch::queue::tests::a_tenant_runs_as_many_as_its_limit_and_not_one_more",
        "dispatch::queue::tests::waiting::as_many_turns_run_as_the_quota_says",
    ]),
    attack!(A13 Bounded "runs as many tiny turns as it can" [
        "sandbox::tests::residue::turns_of_two_tenants_leave_one_another_nothing",
        "dispatch::queue::tests::waiting::turns_begin_at_the_tenants_rate_and_not_one_more",
        "dispatch::queue::tests::waiting::a_tenant_that_used_its_cpu_waits_for_the_next_day",
    ]),
    attack!(A15 Inert "computes what differs between machines: bits of NaN, relaxed vector instructions" [
        "sandbox::engine::tests::effective_settings_are_the_golden_ones",
        "sandbox::tests::attacking::arithmetic_is_the_same_everywhere",
    ], open: "equal effects on replay: replay is not built"),
];

/// What a guest passes over the boundary.
pub(super) const BOUNDARY: &[Attack] = &[
    attack!(A17 Trap "passes addresses and lengths beyond its memory, around its end, or at odd places, to every function" [
        "hostile::forged::whatever_a_guest_passes_to_any_function_is_refused_or_handled",
        "sandbox::tests::lying::what_a_guest_passes_is_checked",
    ]),
    attack!(A18 Trap "has an allocator that lies: beyond the memory, at odd places, always the same, through the host" [
        "hostile::forged::whatever_a_guest_passes_to_any_function_is_refused_or_handled",
        "sandbox::tests::lying::where_a_guest_wants_things_is_checked",
    ], open: "a run under a memory checker"),
    attack!(A20 Trap "passes texts that are none: cut, overlong, surrogates alone, in each encoding that a component may choose" [
        "hostile::forged::whatever_a_guest_passes_to_any_function_is_refused_or_handled",
        "sandbox::tests::attacking::texts_in_other_encodings_are_checked",
    ]),
    attack!(A21 Trap "passes cases, flags and characters that do not exist" [
        "hostile::forged::whatever_a_guest_passes_to_any_function_is_refused_or_handled",
        "sandbox::tests::a_guest_returns",
    ]),
    attack!(A23 Trap "uses a handle after it gave it away, twice, of another type, or one that it made up" [
        "sandbox::tests::attacking::handles_that_are_none",
        "sandbox::tests::limits::handles",
        "sandbox::tests::wasi::host_objects",
    ]),
    attack!(A25 DeadLetter "enters itself again: through its allocator, by an event to itself, by calling itself" [
        "sandbox::tests::lying::where_a_guest_wants_things_is_checked",
        "turns::a_chain_ends_at_the_hop_limit",
        "sandbox::tests::nested::calls_nest_four_deep",
    ]),
    attack!(A27 Trap "does much and then fails, exits, or answers what is no answer" [
        "turns::a_bad_end_after_any_host_call_leaves_nothing",
        "sandbox::tests::nested::of_a_tool_that_fails_nothing_is_left",
        "sandbox::tests::a_guest_returns",
        "sandbox::tests::wasi::what_wasi_answers",
    ]),
    attack!(A28 Reject "lacks an export, or has it with another signature or of another version" [
        "intake::worlds::exports_that_are_missing_or_different",
        "intake::worlds::a_wasi_command",
        "intake::worlds::interfaces_of_another_version",
        "intake::worlds::a_later_patch_of_the_same_contract_and_extra_exports",
    ]),
    attack!(A29 Reject "imports what nobody gave it: sockets, HTTP, other worlds" [
        "intake::worlds::interfaces_that_take_a_grant_or_that_nothing_gives",
        "intake::worlds::interfaces_that_there_are_not",
        "intake::worlds::functions_that_the_contract_does_not_have",
        "sandbox::intake::world::tests::who_imports_outgoing_http_asks_for_a_host",
        "sandbox::tests::wasi::sockets_do_not_link",
        "turns::what_was_not_granted_is_denied_and_the_turn_goes_on",
    ]),
    attack!(A30 Bounded "asks for more results than there may be, or beyond all of them" [
        "hostile::forged::whatever_a_guest_passes_to_any_function_is_refused_or_handled",
        "store::memory::entries::every_store::a_page_of_a_list_is_bounded",
        "api::page::tests::limits_hold_at_and_one_past",
    ]),
    attack!(A32 Inert "reads the texts of errors for paths, statements and addresses of the host" [
        "hostile::forged::whatever_a_guest_passes_to_any_function_is_refused_or_handled",
        "sandbox::tests::cutting::a_broken_store_ends_the_run_without_telling_its_paths",
        "sandbox::boundary::tests::each_error_has_its_case",
        "intake::artifacts::that_cannot_be_kept_is_told_apart_from_one_that_is_wrong",
    ]),
];

/// What is uploaded.
pub(super) const UPLOADS: &[Attack] = &[
    attack!(A33 Reject "takes a compiler minutes and gigabytes: blocks, locals, loops, types, functions, segments" [
        "sandbox::intake::precheck::tests::bombs::blocks_with_many_results_and_a_branch_to_each",
        "sandbox::intake::precheck::tests::bombs::functions_with_many_locals",
        "sandbox::intake::precheck::tests::bombs::many_loops_in_one_function",
        "sandbox::intake::precheck::tests::bombs::nested_loops_over_live_locals",
        "sandbox::intake::precheck::tests::bombs::many_wide_function_types",
        "sandbox::intake::precheck::tests::bombs::many_empty_functions",
        "sandbox::intake::precheck::tests::bombs::many_data_segments",
        "sandbox::intake::precheck::tests::bombs::one_long_function",
        "intake::children::is_killed_at_its_cpu_time",
        "intake::children::is_killed_at_its_wall_clock",
        "intake::children::ends_at_its_memory",
        "intake::children::ends_at_its_output",
    ]),
    attack!(A34 Reject "is a good component that was cut, or had bits flipped or parts exchanged" [
        "sandbox::intake::tests::what_was_mutated_is_refused_in_words_or_fits",
        "sandbox::intake::precheck::tests::bytes_cut_or_flipped_never_panic",
        "intake::kinds::damaged_uploads_end_in_words",
    ]),
    attack!(A35 Reject "is something else: machine code, a program, text, a bare module, an archive" [
        "intake::kinds::files_that_are_not_webassembly",
        "intake::kinds::machine_code_that_this_very_host_made",
        "intake::kinds::core_modules",
        "sandbox::intake::format::tests::tells_what_was_uploaded",
    ]),
    attack!(A36 Reject "is a small body that unpacks to a large one" [
        "api::hostile::a_body_is_never_unpacked",
        "api::agents::uploads_are_limited_at_and_one_past",
    ]),
    attack!(A37 Absent "is what another tenant has, to see whether it is there" [
        "intake::artifacts::is_the_same_for_everybody_who_uploads_the_same",
    ]),
    attack!(A39 Reject "has a name that is a path, a device, too long, or looks like another" [
        "api::hostile::names_that_are_more_than_names",
        "intake::kinds::agents_that_describe_themselves_badly",
    ]),
    attack!(A40 Inert "has the name of another tenant's agent" [
        "api::isolation::two_tenants_use_the_same_names_apart",
        "store::agents::every_store::tenants_share_no_agents",
        "api::hostile::names_that_are_more_than_names",
    ]),
    attack!(A41 Bounded "is exchanged, rolled back or deleted while it runs" [
        "store::agents::every_store::a_version_is_current_from_its_deploy_on",
        "store::agents::every_store::a_deleted_agent_leaves_nothing_that_waits",
        "store::turns::every_store::a_delivery_that_never_was_is_stale",
    ], open: "a deploy in the middle of a turn"),
    attack!(A42 Bounded "comes a hundred thousand times" [
        "store::sqlite::agents::tests::agents_hold_at_the_limit_and_one_past",
        "store::sqlite::agents::tests::versions_are_kept_at_the_limit_and_the_oldest_forgotten_past_it",
        "retention::components_that_no_agent_has_are_forgotten_when_they_are_old",
        "intake::children::wait_in_a_queue_that_ends",
        "api::hostile::each_kind_of_request_has_its_limit",
    ]),
];

/// What is published.
pub(super) const EVENTS: &[Attack] = &[
    attack!(A43 DeadLetter "has each event publish many" [
        "turns::a_turn_publishes_up_to_its_limit_and_no_more",
        "turns::quotas::a_guest_publishes_at_the_tenants_rate_and_is_told_past_it",
        "store::turns::every_store::descendants_are_allowed_at_the_limit_and_refused_past_it",
    ]),
    attack!(A44 DeadLetter "goes round in circles" [
        "turns::a_chain_ends_at_the_hop_limit",
    ]),
    attack!(A45 DeadLetter "traps, hangs or takes the host down every time" [
        "kill::what_takes_the_host_down_is_quarantined_until_somebody_releases_it",
        "turns::a_dead_letter_keeps_its_reason_and_can_be_replayed",
        "dispatch::retry::tests::back_off_doubles_up_to_the_longest",
        "dispatch::queue::tests::waiting::an_agent_that_fails_again_and_again_waits_and_is_tried_with_one_turn",
        "store::queue::every_store::a_death_of_the_host_is_counted_apart",
    ]),
    attack!(A46 Reject "is too large, too deep, or carries too many headers" [
        "api::events::payloads_and_bodies_are_limited_at_and_one_past",
        "events::json::tests::limits_hold_at_and_one_past",
        "api::events::draft::tests::a_payload_is_limited_at_and_one_past",
    ]),
    attack!(A48 Inert "finishes a turn that somebody else has taken over" [
        "store::turns::every_store::an_older_attempt_is_stale",
        "store::turns::every_store::of_many_commits_of_one_delivery_one_is_kept",
    ]),
    attack!(A49 Reject "subscribes to patterns, or to subjects of the bus" [
        "api::hostile::names_that_are_more_than_names",
        "contract::the_schema_and_the_host_take_and_refuse_the_same",
        "api::stream::what_cannot_be_followed_is_refused",
    ]),
    attack!(A50 Reject "has a tenant or a type whose name means something to a bus or a header" [
        "api::hostile::names_that_are_more_than_names",
    ]),
    attack!(A52 Inert "takes an id before its neighbour can" [
        "api::isolation::two_tenants_use_the_same_names_apart",
        "store::append::every_store::another_tenant_sees_nothing",
        "store::append::every_store::another_content_under_an_id_is_refused_whole",
    ]),
    attack!(A53 Bounded "fills what all share, so that others' events are dropped" [
        "dispatch::queue::tests::what_does_not_fit_stays_in_the_store_and_is_read_later_once",
        "store::sqlite::writer::tests::a_tenant_may_have_its_bound_of_jobs_waiting_and_no_more",
    ], open: "streams of a message broker: the cluster is not built"),
    attack!(A54 Reject "schedules too many events, too far ahead, or at times that are none" [
        "store::queue::every_store::scheduled_events_are_taken_at_the_limit_and_refused_past_it",
        "api::events::draft::tests::what_is_wrong_is_named",
        "hostile::forged::whatever_a_guest_passes_to_any_function_is_refused_or_handled",
    ]),
    attack!(A55 Inert "claims in its payload to be somebody else" [
        "api::events::cloudevents::tests::a_producers_source_is_kept_beside_the_hosts_stamp",
        "turns::writes_and_events_of_a_turn_commit_together",
    ]),
];

/// What is stored.
pub(super) const STORES: &[Attack] = &[
    attack!(A56 Inert "writes statements, patterns and query syntax into every text" [
        "hostile::forged::whatever_a_guest_passes_to_any_function_is_refused_or_handled",
        "store::working::every_store::keys_are_data_whatever_they_hold",
        "store::memory::knowledge::every_store::a_query_is_words_whatever_it_holds",
        "store::sqlite::words::tests::whatever_is_typed_is_a_valid_query",
        "api::odd::whatever_a_client_sends_to_any_operation_is_refused_or_served",
        "api::events::a_parameter_that_is_not_understood_is_refused",
    ]),
    attack!(A57 Reject "is a tenant whose id is a statement" [
        "api::hostile::names_that_are_more_than_names",
    ], open: "row-level security: the cluster's database is not built"),
    attack!(A59 Absent "reaches a store without saying whose it is" [
        "store::append::every_store::another_tenant_sees_nothing",
        "store::working::every_store::spaces_and_tenants_share_no_keys",
    ], open: "a skipped prologue: the cluster's database is not built; embedded, each tenant has a file of its own"),
    attack!(A60 Reject "runs the host as owner of its tables" [], open: "the cluster's database is not built"),
    attack!(A61 Absent "reads through a view that forgot whose rows it shows" [], open: "the cluster's database is not built"),
    attack!(A62 Reject "refers to a row of another tenant to see whether it is there" [
        "api::isolation::what_is_foreign_answers_like_what_is_absent_to_the_byte",
    ], open: "foreign keys between tenants: the cluster's database is not built"),
    attack!(A65 Inert "has its plan used for another tenant's query" [], open: "the cluster's database is not built"),
    attack!(A66 Bounded "crowds its neighbours' knowledge out of a shared index" [
        "store::sqlite::knowledge::tests::another_users_rows_crowd_nothing_out",
        "store::sqlite::knowledge::consistency::twenty_five_thousand_entries_of_another_user_take_no_place",
        "store::memory::knowledge::every_store::a_crowd_next_door_changes_nothing",
        "store::memory::knowledge::every_store::tenants_share_no_knowledge",
    ]),
    attack!(A67 Reject "has vectors that are no numbers, nothing, or of another length" [
        "memory::embed::tests::a_vector_is_brought_to_length_one_or_refused",
        "memory::embed::tests::rows_of_any_length_are_compared_and_others_refused",
        "embedders::openai::tests::what_may_pass_is_tried_again_and_given_up",
    ]),
    attack!(A68 Reject "stores millions of rows, a gigabyte, or a search that takes for ever" [
        "store::sqlite::knowledge::tests::the_limit_holds_at_and_one_past",
        "memory::knowledge::entry::tests::limits_hold_at_and_one_past",
        "store::sqlite::pages::tests::a_page_looks_at_so_many_rows_and_no_more",
        "store::sqlite::a_full_disk_refuses_writes_and_nothing_else",
    ], open: "a time-out of one statement"),
    attack!(A69 Deny "writes into the memory of another agent or user of its tenant" [
        "remembering::what_is_shared_is_read_by_all_and_written_by_its_owner",
        "store::memory::knowledge::every_store::an_owner_replaces_and_nobody_else_does",
        "store::sqlite::working::tests::a_value_is_of_the_one_owner_whose_turns_wrote_it",
        "remembering::an_agent_that_serves_two_users_reads_two_memories",
    ], open: "rules of policy: they are not built"),
    attack!(A71 Absent "is deleted, and then looked for" [
        "store::sqlite::a_deleted_tenant_leaves_nothing",
        "store::admin::every_store::nothing_of_a_deleted_tenant_is_left",
        "store::recovery::a_removal_that_began_is_ended",
        "store::memory::erase::a_user_is_erased_and_nobody_else",
    ]),
];

/// What is sent to the API.
pub(super) const API: &[Attack] = &[
    attack!(A72 Reject "signs a token with no algorithm, another one, or a key that it brings along" [
        "identity::jwt::tests::every_bad_header_is_refused",
        "identity::jwt::tests::every_bad_form_is_refused",
        "identity::delegated::tests::nothing_done_to_a_token_makes_it_pass",
        "registry::signature::tests::every_trick_is_refused",
        "registry::signature::tests::only_ed25519_keys_are_taken",
    ]),
    attack!(A73 Reject "comes with a key or a token that is wrong, expired, revoked, or of a tenant that is gone" [
        "identity::jwt::tests::every_bad_claim_is_refused_and_times_hold_to_the_second",
        "api::jwt::what_is_no_good_token_is_refused_in_the_words_of_a_bad_key",
        "api::keys::a_key_ends_when_it_expires",
        "api::tokens::tokens_end_with_their_key_and_its_secret",
        "api::tenants::wrong_keys_are_all_refused_in_the_same_words",
        "api::tenants::a_key_says_who_one_is_until_it_is_revoked",
        "api::tenants::a_key_revoked_by_another_host_ends_with_the_cache",
    ]),
    attack!(A74 Absent "asks every operation for what belongs to another tenant, and every host function" [
        "api::foreign::whatever_a_second_tenant_tries_it_neither_sees_nor_changes_what_the_first_has",
        "api::isolation::what_is_foreign_answers_like_what_is_absent_to_the_byte",
        "hostile::canary::no_function_shows_what_another_tenant_wrote",
        "turns::tenants_do_not_see_one_another",
        "api::memory::another_user_and_another_tenant_see_nothing",
    ]),
    attack!(A75 Reject "adds members to a body: another tenant, a role, a quota" [
        "api::hostile::members_that_nobody_asked_for",
        "api::foreign::no_header_opens_or_moves_anything",
    ]),
    attack!(A76 Deny "calls the operator's operations with a tenant's key" [
        "api::isolation::no_operation_answers_without_the_key_it_asks_for",
        "api::keys::every_operation_takes_its_scope_and_says_which_it_is",
        "api::tokens::a_token_is_never_wider_than_what_made_it",
        "api::tenants::a_tenants_key_does_not_open_the_operators_routes_nor_the_other_way_round",
    ]),
    attack!(A77 Reject "guesses keys, or learns from how long a guess takes" [
        "identity::key::tests::a_key_reads_back_and_verifies_and_another_does_not",
        "identity::key::tests::malformed_keys_are_refused",
        "store::admin::every_store::keys_belong_to_one_tenant",
    ]),
    attack!(A79 Absent "follows a stream with another's place, or after its key is gone" [
        "api::stream::a_stream_shows_nothing_of_another_tenant",
        "api::stream::a_stream_ends_with_its_key_and_with_the_host",
        "api::keys::a_revocation_ends_open_streams_at_once_and_no_others",
        "api::jwt::a_stream_ends_when_its_token_does",
        "api::stream::a_stream_resumes_after_the_last_event_that_was_seen",
    ]),
    attack!(A80 Bounded "sends and reads as slowly as it can, on as many connections as it can" [
        "api::listening::a_client_that_is_slow_with_its_head_is_cut_off",
        "api::listening::a_client_that_stops_reading_its_answer_is_cut_off",
        "api::listening::connections_are_taken_up_to_the_limit_and_the_next_one_waits",
        "api::listening::heads_are_limited_in_bytes",
    ]),
    attack!(A82 Reject "floods a connection of HTTP/2 with resets, pings, endless heads and empty frames" [
        "api::http2::floods_end_the_connection_and_nothing_else",
    ]),
    attack!(A83 Bounded "comes with many keys to pass a limit of its tenant" [
        "api::tenants::requests_at_once_are_limited_by_tenant",
        "api::calls::calls_at_once_are_limited_by_tenant",
        "api::quotas::events_are_taken_at_the_tenants_rate_and_refused_past_it_whatever_the_key",
        "api::stream::streams_are_limited_at_and_one_past",
        "api::hostile::each_kind_of_request_has_its_limit",
    ]),
    attack!(A85 Reject "is a page of the web that speaks to a host on its reader's machine" [
        "api::front::a_web_page_of_elsewhere_cannot_ask",
        "app::front::tests::a_host_answers_to_its_names",
        "app::front::tests::pages_of_the_host_and_of_named_origins_may_ask",
    ]),
    attack!(A86 Reject "has a policy that is huge, wrong or slow" [], open: "policies are not built"),
    attack!(A88 Inert "writes orders into the description of a tool" [], open: "tools for models are not built"),
];

/// What is reached over the network, and what the machine gives away.
pub(super) const NETWORK: &[Attack] = &[
    attack!(A89 Deny "asks the host to fetch from inside its network" [
        "egress::a_name_that_leads_inside_is_not_dialled",
        "egress::what_was_not_granted_or_could_mean_two_things_is_refused",
        "egress::heads_that_are_the_hosts_to_write_are_refused",
        "egress::a_redirect_is_an_answer_and_is_not_followed",
        "egress::address::tests::only_public_addresses_are_dialled",
        "egress::address::tests::what_the_operator_lists_is_dialled_and_no_address_more",
        "egress::head::tests::what_could_mean_two_things_is_refused",
        "registry::grant::http::tests::a_host_has_one_spelling",
        "registry::grant::http::tests::a_grant_is_for_its_scheme_host_and_port",
    ]),
    attack!(A90 Deny "changes what a name means between check and connection" [
        "egress::of_many_addresses_those_that_may_be_are_dialled",
    ]),
    attack!(A92 Bounded "answers without end" [
        "egress::limits::bytes_and_headers_hold_at_their_limits_and_one_past",
        "egress::limits::whoever_does_not_answer_in_time_is_given_up",
        "egress::limits::servers_that_break_off_or_speak_nonsense_are_told_apart",
    ]),
    attack!(A93 Bounded "floods others from here" [
        "egress::limits::a_turn_asks_as_often_as_it_may_and_not_once_more",
        "egress::limits::connections_are_open_up_to_the_limit_and_not_one_more",
        "egress::limits::bytes_of_a_day_hold_at_the_tenants_quota",
        "egress::gauge::tests::connections_hold_at_a_tenants_and_the_hosts_limit_and_one_past",
        "egress::the_operator_bounds_what_any_tenant_may_grant",
    ]),
    attack!(A94 Inert "carries secrets away" [
        "embedders::tests::a_key_is_shown_to_nobody_and_fits_a_header",
        "sandbox::tests::wasi::what_wasi_answers",
        "egress::secrets::a_secret_is_sent_and_never_seen",
        "egress::secrets::a_secret_goes_where_it_may_and_nowhere_else",
        "egress::secrets::an_echo_that_could_not_be_seen_is_refused",
        "egress::redact::tests::no_value_passes_in_whatever_pieces_it_comes",
    ], open: "a server that turns a value round before it echoes it"),
    attack!(A95 Deny "reaches the host's own database or bus" [
        "sandbox::tests::wasi::sockets_do_not_link",
        "egress::a_name_that_leads_inside_is_not_dialled",
    ]),
    attack!(A97 Bounded "fills the disk" [
        "kill::disk::a_full_disk_refuses_writes_until_there_is_room",
        "kill::disk::a_small_disk_fills_up_and_is_freed",
        "store::sqlite::a_full_disk_refuses_writes_and_nothing_else",
        "store::sqlite::the_log_stays_short_under_load",
        "store::usage::bytes_hold_at_a_tenants_quota",
    ]),
    attack!(A100 Inert "times what its neighbours do" [
        "sandbox::tests::wasi::what_wasi_answers",
        "sandbox::engine::tests::effective_settings_are_the_golden_ones",
    ]),
];

/// Every attack, by what it goes at.
pub(super) const ALL: &[(&str, &[Attack])] = &[
    ("Processor, memory, stack, time", SPENDING),
    ("The boundary", BOUNDARY),
    ("Uploads", UPLOADS),
    ("Events", EVENTS),
    ("Stores", STORES),
    ("The API and who is who", API),
    ("Network and machine", NETWORK),
];

/// The numbers, in order. The gaps between them are for what is thought of next.
pub(super) const NUMBERS: [u32; 75] = [
    1, 3, 5, 6, 7, 8, 9, 10, 12, 13, 15, 17, 18, 20, 21, 23, 25, 27, 28, 29, 30, 32, 33, 34, 35,
    36, 37, 39, 40, 41, 42, 43, 44, 45, 46, 48, 49, 50, 52, 53, 54, 55, 56, 57, 59, 60, 61, 62, 65,
    66, 67, 68, 69, 71, 72, 73, 74, 75, 76, 77, 79, 80, 82, 83, 85, 86, 88, 89, 90, 92, 93, 94, 95,
    97, 100,
];
