// Package admin is the operators' listener: health, status, metrics, the writes and what can
// be done about them, profiles. It runs on fasthttp.Server.
//
// What it refuses, in this order:
//
//   - more than 256 connections wait in the kernel's backlog; heads past 16 KiB are 431, bodies
//     past 64 KiB 413; a request has ten seconds to arrive in full, its answer a minute to be taken;
//   - a Host that is neither an IP literal nor localhost nor in Options.Hosts is 403, so that a
//     name an attacker re-binds to this address (DNS rebinding) reads nothing;
//   - a request that changes something (any method but GET and HEAD) must have Tutti-Admin: 1,
//     which no form and no cross-origin script can add, an Origin that is absent or this very
//     one, and a Sec-Fetch-Site, if any, of same-origin or none: otherwise 403;
//   - it and the profiles must have the bearer token (401) where one is configured; without
//     one they are open on a loopback listener and 403 on any other.
//
// Answers are never cached, framed or sniffed. A write shows its method and path, never its
// header or body.
package admin
