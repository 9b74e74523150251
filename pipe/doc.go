// Package pipe moves bytes from one socket to another inside the kernel (splice(2)): from the socket into a
// pipe and from that into the other one. No byte is copied into the process and out again.
//
// A pipe holds up to Size bytes, which are not copies but the pages they were received into. Pipes are lent
// by a Pool, which bounds how many there are. Where there is no splice, and with the tag tutti_plain, a Pool
// has none to lend.
package pipe
