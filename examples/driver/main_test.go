package main

import (
	"testing"

	"github.com/vitalseal/vitalseal/firmware-bridge/sensor"
	"github.com/vitalseal/vitalseal/firmware-bridge/sensor/sensortest"
)

func TestTranscript(t *testing.T) {
	sensortest.Replay(t, new(thermometer), "testdata/thermometer.txt")
}

func FuzzThermometer(f *testing.F) {
	sensortest.Fuzz(f, func() sensor.Decoder { return new(thermometer) }, []byte("T366 S0 B6\r"), []byte("T372 S1 B4\r"))
}
