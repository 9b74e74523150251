package main

import (
	"fmt"
	"net"
	"strings"
)

// manager is where the service manager that started this process listens, which wants to be told
// when it serves and when it stops (systemd's Type=notify, sd_notify(3)); empty: there is none.
type manager string

// managerOf finds it in the environment.
func managerOf(environ []string) manager {
	for _, kv := range environ {
		if socket, ok := strings.CutPrefix(kv, "NOTIFY_SOCKET="); ok {
			return manager(socket)
		}
	}
	return ""
}

// tell sends a state, "READY=1" or "STOPPING=1".
func (m manager) tell(state string) error {
	if m == "" {
		return nil
	}
	// A name that begins with @ is an abstract one, to the manager as to net.
	c, err := net.Dial("unixgram", string(m))
	if err != nil {
		return fmt.Errorf("cannot reach the service manager: %w", err)
	}
	defer func() { _ = c.Close() }()
	if _, err := c.Write([]byte(state)); err != nil {
		return fmt.Errorf("cannot tell the service manager %s: %w", state, err)
	}
	return nil
}

// tell tells the service manager. It ends what does not say that it serves, so a failure is logged.
func (s *service) tell(state string) {
	if err := s.manager.tell(state); err != nil {
		s.log.Warn("the service manager does not know", "state", state, "error", err)
	}
}
