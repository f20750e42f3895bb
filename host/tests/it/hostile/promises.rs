//! What the host promises under faults and under attack, and the tests that hold it to that.
//!
//! Invariant: as in [`super::attacks`]: numbers stay, tests exist, what nothing shows says so.

/// A fault that the host survives, or a rule that it keeps.
pub(super) struct Promise {
    /// As `F21` or `R9`.
    pub(super) number: &'static str,
    pub(super) what: &'static str,
    pub(super) shown: &'static [&'static str],
    /// What no test shows yet, and why.
    pub(super) open: &'static str,
}

macro_rules! promise {
    ($number:ident $what:literal $shown:expr $(, open: $open:literal)?) => {
        Promise {
            number: stringify!($number),
            what: $what,
            shown: &$shown,
            open: concat!($($open)?),
        }
    };
}

/// Faults: nothing acknowledged is lost, nothing is done twice, nothing of a failed turn is left.
pub(super) const FAULTS: &[Promise] = &[
    promise!(F1 "the host is killed at each named point of a turn" ["kill::killed_at_each_named_point"]),
    promise!(F2 "the host is killed at any time, under load" ["kill::killed_at_random_under_load"]),
    promise!(F3 "the host is killed at every write and flush of a script" ["kill::syscalls::killed_at_every_write_and_flush"]),
    promise!(F4 "the power fails: any unsynced write may be there or not" [], open: "a recording file system"),
    promise!(F5 "the power of the whole machine fails" [], open: "a virtual machine to cut"),
    promise!(F6 "the disk fails, is full, is slow, writes less than asked" [
        "kill::disk::a_failed_flush_ends_the_host_before_it_answers",
        "kill::disk::a_full_disk_refuses_writes_until_there_is_room",
        "kill::disk::a_full_disk_refuses_keys_until_there_is_room",
        "kill::disk::a_slow_or_interrupted_disk_changes_nothing",
        "kill::disk::a_small_disk_fills_up_and_is_freed",
    ]),
    promise!(F7 "a database file is damaged" ["store::sqlite::a_damaged_database_is_found_after_an_unclean_shutdown"]),
    promise!(F8 "the database server is killed" [], open: "the cluster is not built"),
    promise!(F9 "the connection is cut within a commit" [], open: "the cluster is not built"),
    promise!(F10 "the database comes back as it was earlier" ["store::recovery::an_old_host_db_costs_no_tenant_made_since"], open: "a restore of a tenant: backup is not built"),
    promise!(F11 "two turns change the same thing" [
        "turns::concurrent_read_modify_writes_lose_nothing",
        "store::turns::every_store::a_changed_read_undoes_nothing_but_its_own_turn",
    ]),
    promise!(F12 "the message broker is killed" [], open: "the cluster is not built"),
    promise!(F13 "the message broker loses everything" [], open: "the cluster is not built"),
    promise!(F14 "the message broker loses the latest" [], open: "the cluster is not built"),
    promise!(F15 "announcements are lost or come twice" [
        "api::stream::a_lost_announcement_costs_time_and_no_event",
        "store::append::every_store::the_same_publication_again_is_a_duplicate",
    ], open: "messages between hosts: the cluster is not built"),
    promise!(F16 "the broker forgets what it has seen" [], open: "the cluster is not built"),
    promise!(F17 "an acknowledgement is lost or comes twice" [
        "store::turns::every_store::a_delivery_is_consumed_once",
        "api::events::the_same_publication_again_changes_nothing",
    ], open: "acknowledgements to a broker: the cluster is not built"),
    promise!(F18 "the network parts" [], open: "the cluster is not built"),
    promise!(F19 "a worker that was given up comes back" ["store::turns::every_store::an_older_attempt_is_stale"], open: "a host that was stopped and goes on: the cluster is not built"),
    promise!(F20 "the clock jumps" ["turns::events_fire_at_their_time_and_survive_a_restart"], open: "leases: the cluster is not built"),
    promise!(F21 "a guest fails after any host call" [
        "turns::a_bad_end_after_any_host_call_leaves_nothing",
        "hostile::forged::whatever_a_guest_passes_to_any_function_is_refused_or_handled",
    ]),
    promise!(F22 "a guest returns at its deadline" [
        "turns::deadline::a_turn_that_returns_at_its_deadline_is_kept_whole_or_not_at_all",
        "turns::deadline::a_call_that_returns_at_its_deadline_joins_whole_or_not_at_all",
    ]),
    promise!(F23 "the host panics in a host function" [
        "sandbox::tests::cutting::a_panic_of_the_host_ends_one_run",
        "store::sqlite::writer::tests::a_panic_takes_back_its_own_job",
    ]),
    promise!(F24 "the host gets no memory" [], open: "a host in a small memory group"),
    promise!(F25 "an event takes the host down every time" ["kill::what_takes_the_host_down_is_quarantined_until_somebody_releases_it"]),
    promise!(F26 "a relay is killed at each step" [], open: "the cluster is not built; embedded there is no relay"),
    promise!(F27 "two hosts are started on one data directory" [
        "kill::a_data_directory_has_one_host_and_one_format",
        "store::sqlite::a_second_host_is_refused_and_told_who_is_there",
    ]),
    promise!(F28 "another version of the host opens the data" [
        "store::sqlite::a_newer_format_is_refused_and_left_alone",
        "store::sqlite::a_newer_schema_is_refused",
    ], open: "data written by a release: there is none yet"),
    promise!(F29 "the host is killed within a migration" [], open: "a kill at each statement of a migration"),
    promise!(F30 "a backup is taken under load" [], open: "backup is not built"),
    promise!(F31 "dead letters are replayed, also twice" [
        "store::history::every_store::a_replay_delivers_again_as_if_for_the_first_time",
        "store::history::every_store::only_a_dead_letter_is_replayed_or_discarded",
        "turns::a_dead_letter_keeps_its_reason_and_can_be_replayed",
    ]),
    promise!(F32 "old events are forgotten while others still wait" [
        "store::sweep::what_waits_and_the_last_event_are_never_removed",
        "store::sweep::what_is_young_is_kept",
    ]),
    promise!(F33 "the host is told to stop under load" ["kill::a_stop_under_load_drains"]),
    promise!(F34 "compiled components are lost, damaged or of another host" [
        "intake::artifacts::that_was_changed_is_never_given_out_but_made_again",
        "intake::artifacts::of_another_component_or_another_key_is_no_proof",
        "intake::artifacts::survives_a_restart_and_leaves_nothing_unfinished",
    ]),
    promise!(F35 "the host dies after a call to the outside and before its commit" [], open: "a kill between a request to the outside and the commit; a turn that runs again sends the same idempotency key"),
    promise!(F36 "a deep queue waits" [
        "backlog::a_deep_queue_waits_in_the_store",
        "backlog::retries_that_are_due_wait_in_the_store",
    ]),
    promise!(F37 "the store or a reader is slow" [
        "kill::disk::a_slow_or_interrupted_disk_changes_nothing",
        "api::stream::a_stream_that_fell_behind_reads_the_log",
        "store::sqlite::writer::tests::a_tenant_may_have_its_bound_of_jobs_waiting_and_no_more",
        "api::serve::patience::tests::a_reader_that_has_stopped_is_given_up",
    ]),
    promise!(F38 "threads meet in any order" [], open: "a model checker of schedules"),
    promise!(F39 "many hosts, all faults, one seed" [], open: "the cluster is not built"),
    promise!(F40 "the store and a model of it do the same" [
        "store::sqlite::working::tests::a_version_is_never_used_twice_over_any_mix_of_writes",
    ], open: "a model of the whole store"),
];

/// Rules that the host keeps. Those between are of how turns and stores work, and have tests of their own.
pub(super) const RULES: &[Promise] = &[
    promise!(R1 "the WebAssembly engine is a pinned release with its security fixes" ["hostile::shown::the_engine_is_pinned_to_a_release_with_its_fixes"]),
    promise!(R2 "the engine is built and set as it was agreed" [
        "sandbox::engine::tests::effective_settings_are_the_golden_ones",
        "hostile::shown::the_engine_is_pinned_to_a_release_with_its_fixes",
    ]),
    promise!(R3 "uploads are compiled in a child process only" [
        "sandbox::engine::tests::the_run_engine_cannot_compile",
        "intake::children::reaches_no_network_no_file_and_no_program",
    ]),
    promise!(R4 "an upload is checked before it is compiled; each limit at its value and past it" [
        "sandbox::intake::precheck::tests::each_limit_holds_at_its_value_and_no_further",
        "sandbox::intake::precheck::tests::every_limit_has_a_fixture",
        "intake::accepts::a_guest_as_its_compiler_left_it",
    ]),
    promise!(R5 "machine code is proven before it is used, and never taken from anybody" [
        "intake::artifacts::that_was_changed_is_never_given_out_but_made_again",
        "intake::artifacts::of_another_component_or_another_key_is_no_proof",
        "intake::kinds::machine_code_that_this_very_host_made",
    ]),
    promise!(R6 "one fresh sandbox a turn" [
        "sandbox::tests::lying::every_run_begins_with_fresh_memory",
        "sandbox::tests::cutting::a_panic_of_the_host_ends_one_run",
    ]),
    promise!(R7 "processor time has a budget that is looked at every few milliseconds" [
        "sandbox::tests::a_guest_is_ended",
        "sandbox::engine::tests::a_ticker_moves_the_epoch_and_stops_when_dropped",
        "sandbox::tests::attacking::bulk_instructions_without_end",
    ], open: "the time it takes: measured by the benchmarks, not by a test"),
    promise!(R8 "memory is limited over all memories of a sandbox" [
        "sandbox::fences::tests::memories_are_summed_up_to_the_limit_and_no_byte_further",
        "sandbox::tests::limits::memories_are_summed",
    ]),
    promise!(R9 "each limit of host calls holds at its value and past it" [
        "sandbox::tests::limits::bytes_of_one_host_call",
        "sandbox::tests::limits::calls_and_bytes_of_all_host_calls",
        "sandbox::tests::limits::handles",
        "sandbox::tests::limits::random_bytes",
        "sandbox::tests::wasi::host_objects",
        "sandbox::tests::wasi::what_wasi_answers",
    ]),
    promise!(R10 "every host function is limited, authorised and attacked" [
        "hostile::forged::whatever_a_guest_passes_to_any_function_is_refused_or_handled",
        "hostile::canary::no_function_shows_what_another_tenant_wrote",
        "hostile::forged::every_function_wants_its_grant",
    ]),
    promise!(R11 "no host function holds a thread" [], open: "a watchdog of worker threads"),
    promise!(R12 "guests have no files, sockets, environment or arguments" [
        "sandbox::tests::wasi::what_wasi_answers",
        "sandbox::tests::wasi::sockets_do_not_link",
    ]),
    promise!(R13 "what may be dialled is what was checked" [
        "egress::of_many_addresses_those_that_may_be_are_dialled",
        "egress::a_name_that_leads_inside_is_not_dialled",
        "egress::a_request_is_sent_as_it_was_judged_and_is_on_record",
        "egress::tls::a_server_is_asked_whose_certificate_is_trusted_for_its_name",
        "egress::a_grant_that_was_taken_back_is_felt_by_the_next_turn",
    ]),
    promise!(R14 "secrets never enter a sandbox" [
        "egress::secrets::a_secret_is_sent_and_never_seen",
        "egress::secrets::a_secret_goes_where_it_may_and_nowhere_else",
        "secrets::vault::tests::what_was_sealed_opens_for_its_tenant_and_name_and_nobody_else",
        "secrets::tests::values_hold_at_their_limits_and_one_past_and_are_never_shown",
        "api::secrets::a_value_goes_in_and_never_comes_out",
    ]),
    promise!(R15 "clocks tick once a millisecond; chance comes from the system, in bounded amounts" [
        "sandbox::tests::wasi::what_wasi_answers",
        "sandbox::tests::limits::random_bytes",
    ]),
    promise!(R16 "sandboxes can run in processes of their own" [], open: "executors are not built"),
    promise!(R17 "a panic of the host ends one turn; unsafe code is in one place" [
        "sandbox::tests::cutting::a_panic_of_the_host_ends_one_run",
        "hostile::shown::unsafe_code_is_in_one_place",
    ]),
    promise!(R30 "calls can wait for the commit" [
        "turns::writes_and_events_of_a_turn_commit_together",
    ], open: "calls to the outside are not built; events wait for the commit"),
    promise!(R31 "attempts are on record before they run; who takes the host down is quarantined" [
        "kill::what_takes_the_host_down_is_quarantined_until_somebody_releases_it",
        "store::queue::every_store::a_death_of_the_host_is_counted_apart",
        "dispatch::slots::tests::what_was_running_is_read_back",
        "api::agents::tests::a_quarantine_is_lifted_by_release_alone",
    ]),
    promise!(R32 "hops, events, descendants, payload and output of a turn are limited before the commit" [
        "turns::a_chain_ends_at_the_hop_limit",
        "turns::a_turn_publishes_up_to_its_limit_and_no_more",
        "store::turns::every_store::descendants_are_allowed_at_the_limit_and_refused_past_it",
        "events::json::tests::limits_hold_at_and_one_past",
        "sandbox::tests::staging::what_a_turn_may_stage_holds_at_each_limit_and_one_past",
    ]),
    promise!(R33 "dead letters are kept with their reason and can be replayed" [
        "store::history::every_store::a_dead_letter_is_kept_with_its_event",
        "api::turns::a_dead_letter_is_replayed_and_discarded",
    ]),
    promise!(R34 "events of one order key are handled in their order" [
        "turns::a_session_is_handled_in_order_retries_included",
        "dispatch::queue::tests::one_delivery_of_an_order_key_at_a_time_in_order",
        "store::queue::every_store::a_lane_shows_retries_and_all_behind_them",
    ]),
    promise!(R50 "tokens are of a pinned algorithm and for us; keys are hashed, expire and are revoked within a minute, also for streams" [
        "identity::jwt::tests::every_bad_header_is_refused",
        "identity::jwt::tests::every_bad_claim_is_refused_and_times_hold_to_the_second",
        "identity::key::tests::a_key_reads_back_and_verifies_and_another_does_not",
        "api::tenants::a_key_revoked_by_another_host_ends_with_the_cache",
        "api::keys::a_revocation_ends_open_streams_at_once_and_no_others",
    ]),
    promise!(R51 "what is foreign answers like what is absent" [
        "api::isolation::what_is_foreign_answers_like_what_is_absent_to_the_byte",
    ]),
    promise!(R52 "heads, bodies, time, connections and requests at once are limited" [
        "api::listening::heads_are_limited_in_bytes",
        "api::listening::connections_are_taken_up_to_the_limit_and_the_next_one_waits",
        "api::events::payloads_and_bodies_are_limited_at_and_one_past",
        "api::agents::uploads_are_limited_at_and_one_past",
        "api::tenants::requests_at_once_are_limited_by_tenant",
        "api::hostile::each_kind_of_request_has_its_limit",
        "api::hostile::a_body_is_never_unpacked",
    ]),
    promise!(R53 "what a tenant may use is limited" [
        "store::sqlite::agents::tests::agents_hold_at_the_limit_and_one_past",
        "store::sqlite::knowledge::tests::the_limit_holds_at_and_one_past",
        "store::queue::every_store::scheduled_events_are_taken_at_the_limit_and_refused_past_it",
        "store::services::every_store::services_hold_at_the_limit_and_one_past",
        "store::sqlite::catalog::tests::limits_hold_at_and_one_past",
        "api::quotas::events_are_taken_at_the_tenants_rate_and_refused_past_it_whatever_the_key",
        "api::quotas::a_tenant_over_its_cpu_waits_for_the_next_day_and_loses_nothing",
        "api::quotas::what_was_used_is_counted_by_hour_and_day",
        "api::quotas::knowledge_holds_at_the_tenants_quota_and_one_past",
        "store::usage::bytes_hold_at_a_tenants_quota",
    ]),
    promise!(R54 "tenants share by what they used" [
        "dispatch::queue::tests::tenants_share_by_the_cpu_they_used_and_their_weight",
        "dispatch::queue::tests::agents_take_turns_within_their_concurrency",
        "store::embedding::tenants_take_turns_and_one_that_is_gone_holds_nobody_up",
    ], open: "the share under every attack: measured by the benchmarks"),
    promise!(R55 "what was done and denied is on record" [
        "api::audit::changes_are_written_down_before_they_are_done_and_what_failed_after",
        "api::audit::refusals_are_written_down_with_what_was_lacking",
        "api::audit::what_agents_are_refused_is_written_down_with_turn_and_component",
        "api::audit::a_client_that_hammers_does_not_fill_the_log",
        "identity::audit::tests::what_was_done_to_rows_is_found_and_the_row_named",
        "store::sqlite::audit::tests::a_hand_that_lifts_the_triggers_is_found",
    ]),
    promise!(R56 "rules of policy decide before every effect" [
        "turns::what_was_not_granted_is_denied_and_the_turn_goes_on",
        "hostile::forged::every_function_wants_its_grant",
    ], open: "policies: grants decide today"),
    promise!(R57 "names mean nothing to the bus" ["api::hostile::names_that_are_more_than_names"], open: "the cluster is not built"),
    promise!(R58 "every route is in the document of the API" ["api::openapi::no_route_is_registered_beside_the_document"]),
    promise!(R59 "errors have a code and an id, and no insides" [
        "api::problems::every_failure_is_a_problem_document_with_the_requests_id",
        "api::odd::whatever_a_client_sends_to_any_operation_is_refused_or_served",
        "hostile::forged::whatever_a_guest_passes_to_any_function_is_refused_or_handled",
    ]),
    promise!(R60 "alive and ready are two things" [
        "api::openapi::readiness_follows_the_life_of_the_host",
        "app::tests::a_host_is_ready_between_recovery_and_draining",
    ]),
    promise!(R61 "metrics are bounded" [
        "api::openapi::metrics_count_routes_and_never_names",
        "telemetry::series::tests::a_full_family_counts_the_rest_together",
    ]),
    promise!(R62 "texts of guests are escaped and bounded in logs" [
        "turn::logging::tests::guest_text_is_escaped_and_cut",
        "sandbox::tests::staging::lines_and_logs_hold_at_their_limits_and_one_past",
        "sandbox::wasi::stdio::tests::a_line_and_what_waits_are_bounded",
        "telemetry::series::tests::label_values_are_escaped",
    ]),
    promise!(R63 "dependencies are locked and looked up in advisories" [], open: "no test: `cargo xtask deny` and `--locked` in `.ci/run`"),
    promise!(R64 "a release keeps its checks of invariants" [], open: "a run of the tests as a release"),
    promise!(R65 "`warren doctor` looks at what must hold before a start" [
        "cli::cli_doctor_refuses_settings_that_no_host_would_take",
        "cli::doctor::tests::a_port_in_use_is_told",
        "cli::doctor::machine::tests::what_a_child_was_not_refused_is_named",
    ]),
    promise!(R66 "an agent, a tenant or a component can be stopped at once" [
        "turns::a_paused_agent_waits_and_a_resumed_one_goes_on",
        "api::switches::a_paused_agents_turn_is_stopped_and_its_event_waits",
        "api::switches::a_suspended_tenants_turns_are_stopped_and_its_events_wait",
        "api::switches::a_suspended_component_runs_nowhere_and_is_not_taken",
        "turns::quotas::a_guest_that_spins_is_stopped_by_a_pause_and_its_event_waits",
        "dispatch::queue::tests::turns_of_a_removed_tenant_are_counted_until_they_end",
    ]),
];
