//go:build !cortexm

package main

// A host counts nothing.
const (
	counting   = false
	resolution = 0
)

func boardStart()          {}
func boardExit()           {}
func instructions() uint32 { return 0 }
func since(uint32) uint32  { return 0 }
