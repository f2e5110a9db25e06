//go:build !linux

package sdk

// clockError returns noBound: only Linux is asked.
func clockError() uint32 { return noBound }
