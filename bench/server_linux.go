//go:build linux

package bench

import "syscall"

// orphaned ends a server whose benchmark was killed.
func orphaned() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM} }
