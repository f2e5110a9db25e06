//go:build baremetal && pico

package main

const (
	boardName = "pico"

	// weakEntropy: the RP2040's ring oscillator is no cryptographic generator
	// (datasheet, 2.17.7), and every anchor says so. A product adds one.
	weakEntropy = true
)
