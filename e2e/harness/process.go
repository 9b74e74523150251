package harness

import (
	"errors"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Process is a running program. Its cleanup ends it and fails the test if it crashed, raced or
// panicked.
type Process struct {
	Listen string // where clients connect
	Admin  string // the admin listener
	PID    int

	t      testing.TB
	cmd    *exec.Cmd
	stdout *Output
	stderr *Output
	done   chan struct{} // closed when it has ended
}

// Start starts the program on free ports, with args after the listeners' flags, and waits until
// it is ready.
func (b Binary) Start(t testing.TB, args ...string) *Process {
	t.Helper()
	return b.StartEnv(t, nil, args...)
}

// StartEnv is Start with environment variables added.
func (b Binary) StartEnv(t testing.TB, env []string, args ...string) *Process {
	t.Helper()
	port := Ports(t, 2)
	listen, admin := LocalAddr(port), LocalAddr(port+1)
	all := append([]string{"--listen=" + listen, "--admin-listen=" + admin}, args...)
	all = append(all, everywhere(t).flags(t, listen, args)...)
	p := b.Spawn(t, env, all...)
	p.Listen, p.Admin = listen, admin
	Eventually(t, "the program is ready", func() bool {
		if p.Ended() {
			t.Fatalf("the program ended at its start:\n%s", p.Stderr())
		}
		resp, err := adminClient().Get("http://" + admin + "/-/ready")
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	return p
}

// Spawn starts the program with just args and does not wait for it.
func (b Binary) Spawn(t testing.TB, env []string, args ...string) *Process {
	t.Helper()
	b.note(t)
	cmd := exec.Command(b.Path, args...)
	cmd.Env = append(plainEnv(), env...)
	return spawn(t, cmd)
}

// SpawnOther runs another program than ours, to compare with, and does not wait for it.
func SpawnOther(t testing.TB, name string, args ...string) *Process {
	t.Helper()
	return spawn(t, exec.Command(name, args...))
}

func spawn(t testing.TB, cmd *exec.Cmd) *Process {
	t.Helper()
	p := &Process{t: t, cmd: cmd, stdout: new(Output), stderr: new(Output), done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p.stdout, p.stderr
	cmd.SysProcAttr = diesWithUs()
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		t.Fatalf("cannot start %s: %v", cmd.Path, err)
	}
	p.PID = cmd.Process.Pid
	go func() {
		_ = cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(p.end)
	return p
}

func (p *Process) end() {
	p.Kill()
	out := p.Stderr()
	for _, sign := range []string{"WARNING: DATA RACE", "panic:", "fatal error:"} {
		if strings.Contains(out, sign) {
			p.t.Errorf("the program said %q", sign)
		}
	}
	if p.t.Failed() {
		p.t.Logf("%s %s\nstandard error:\n%s", p.cmd.Path, strings.Join(p.cmd.Args[1:], " "), tail(out, 8000))
	}
}

func tail(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return "…" + s[len(s)-n:]
}

// Ended tells whether the program has exited.
func (p *Process) Ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// Wait waits for the program's end and returns its exit code; -1 when a signal ended it.
func (p *Process) Wait() int {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(2 * Limit):
		p.t.Fatalf("the program does not end")
	}
	return p.cmd.ProcessState.ExitCode()
}

// Signal sends sig to the program; one that has ended is left alone.
func (p *Process) Signal(sig os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Errorf("cannot signal the program: %v", err)
	}
}

// Kill ends the program at once (SIGKILL) and waits for it.
func (p *Process) Kill() {
	p.t.Helper()
	p.Signal(syscall.SIGKILL)
	<-p.done
}

// Stop asks the program to stop (SIGTERM) and returns its exit code.
func (p *Process) Stop() int {
	p.t.Helper()
	p.Signal(syscall.SIGTERM)
	return p.Wait()
}

// Stderr is what the program has written to standard error so far.
func (p *Process) Stderr() string { return p.stderr.String() }

// Stdout is what the program has written to standard output so far.
func (p *Process) Stdout() string { return p.stdout.String() }
