// Package monitoring has the real programs watch Tutti as deploy/ tells them to: Prometheus with
// our alerts, the exporter of nginx's status, and Grafana's dashboard, query by query.
package monitoring
