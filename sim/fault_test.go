package sim

// fault is what a replica does about one request.
type fault uint8

const (
	faultNone        fault = iota
	faultError             // 500
	faultBusy              // 503 with a Retry-After
	faultMissing           // 404
	faultStrange           // it does it and answers 200
	faultReset             // it resets the connection
	faultHangUp            // it closes the connection
	faultDoneReset         // it does it and resets
	faultDoneHangUp        // it does it and closes
	faultDoneCut           // it does it, and its answer breaks off in the body
	faultDoneCutHead       // and in the head
	faultSilent            // it says nothing
	faultDoneSilent        // it does it and says nothing
	faultLate              // it does it when nobody waits any more
	faultSlow              // it does it, and answers late but in time
	faultGarbage           // its answer is none
	faultLast              // it closes after its answer, and says so
	faultStale             // it closes after its answer, without a word
	faultTired             // 408, and closes
	faultInterim           // 103 first
	faultChunks            // its answer is in chunks, and slow
	faultLong              // its answer is longer than is kept
	numFaults
)

func (f fault) String() string {
	return [...]string{
		"well", "500", "busy", "404", "done but 200", "resets", "hangs up", "done and resets", "done and hangs up",
		"done, body cut", "done, head cut", "silent", "done and silent", "done late", "slow", "garbage", "last",
		"stale", "tired", "interim", "chunks", "long",
	}[f]
}
