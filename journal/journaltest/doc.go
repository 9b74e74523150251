// Package journaltest is what every journal engine has to pass.
package journaltest
