package metrics

import "bytes"

// help is what each family of ours counts.
func help() map[string]string {
	return map[string]string{
		"target_domain_success_counter_total": "Attempts at a write that a backend took.",
		"target_domain_failed_counter_total":  "Attempts at a write that failed on a backend, refused connections included.",
		"Total_domains_success_counter_total": "Sum of target_domain_success_counter_total over the backends.",
		"Total_domains_failed_counter_total":  "Sum of target_domain_failed_counter_total over the backends.",

		"tutti_requests_total":           "Requests answered, by route and final status.",
		"tutti_request_duration_seconds": "From a request's complete head to the end of its answer.",
		"tutti_requests_in_flight":       "Requests being served.",
		"tutti_refused_requests_total":   "Requests refused before a route was known, by status.",
		"tutti_client_connections":       "Open client connections.",
		"tutti_access_log_dropped_total": "Lines of the access log that were not written.",

		"tutti_backend_requests_total":   "Exchanges with a backend, by status; error: it gave no answer.",
		"tutti_backend_duration_seconds": "From the begin of an exchange to the backend's answer.",
		"tutti_backend_connections":      "Open connections to a backend.",
		"tutti_backend_up":               "1 while a backend is live and the last connection to it did not fail.",
		"tutti_backend_ejections_total":  "Times a backend was taken out of the reads after consecutive failures.",
		"tutti_retries_total":            "Attempts at a write beyond a delivery's first.",

		"tutti_writes_accepted_total":           "Writes accepted: settled + pending + parked, always.",
		"tutti_writes_settled_total":            "Writes of which every delivery is delivered, rejected or dropped.",
		"tutti_writes_pending":                  "Writes that are still owed to some backend.",
		"tutti_unkeyed_writes_total":            "Accepted writes without an ordering key, which go in any order.",
		"tutti_writes_parked":                   "Writes owed to no backend, of which some delivery is parked.",
		"tutti_writes_pending_bytes":            "Memory held by writes, bodies still arriving included.",
		"tutti_owed_writes":                     "Deliveries owed to a backend.",
		"tutti_oldest_owed_seconds":             "Age of the oldest write owed to a backend.",
		"tutti_parked_writes":                   "Deliveries parked for a backend.",
		"tutti_rejected_deliveries_total":       "Deliveries a backend rejected.",
		"tutti_journal_append_duration_seconds": "Until a write is in the journal, on disk.",
		"tutti_journal_bytes":                   "What the journal takes on disk.",
		"tutti_refused_writes_total":            "Writes not accepted, by reason; nothing of them was forwarded.",
	}
}

// withHelp returns a copy of a scrape in which the library's empty HELP lines say something.
func withHelp(scrape []byte, texts map[string]string) []byte {
	const mark = "# HELP "
	out := make([]byte, 0, len(scrape)+4<<10)
	for line := range bytes.Lines(scrape) {
		out = append(out, line...)
		name, ok := bytes.CutPrefix(bytes.TrimSuffix(line, []byte("\n")), []byte(mark))
		if !ok {
			continue
		}
		if text := texts[string(name)]; text != "" {
			out = append(append(append(out[:len(out)-1], ' '), text...), '\n')
		}
	}
	return out
}
