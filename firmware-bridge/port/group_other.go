//go:build !linux

package port

func group(string) string { return "dialout" }
