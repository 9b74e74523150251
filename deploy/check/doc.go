// Package check looks at what lies in deploy/ with the libraries of those who will read it:
// compose.yaml with Compose's own, the Kubernetes manifests with Kubernetes's types, the dashboard
// with Grafana's. Every command in there is given to the real program. It is a module of its own
// for the sake of these dependencies, and has nothing but tests.
package check
