//go:build baremetal && microbit_v2

package main

const (
	boardName = "microbit-v2"

	// weakEntropy: the nRF52833's generator is of thermal noise, with bias
	// correction on.
	weakEntropy = false
)
