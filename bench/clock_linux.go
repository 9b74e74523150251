package main

import (
	"time"

	"golang.org/x/sys/unix"
)

// cpuClock is the user and system time of all threads a process has or had, to the nanosecond, where
// /proc/<pid>/stat has it in hundredths of a second. The clock's number is that of clock_getcpuclockid(3).
func cpuClock(pid int) (time.Duration, error) {
	const sched = 2 // CPUCLOCK_SCHED
	var t unix.Timespec
	err := unix.ClockGettime(int32(^pid<<3|sched), &t)
	return time.Duration(t.Nano()), err
}
