package main

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/vitalseal/vitalseal/firmware-bridge/link"
)

// FuzzFrames prints whatever frame as one JSON object of ASCII, and what readings
// it has behind it.
func FuzzFrames(f *testing.F) {
	hello := link.Hello{Version: 1, Capabilities: link.CapSealed, MaxFrame: 256, Session: 7, Base: 1, Firmware: []byte("b\u202eoard")}
	f.Add(hello.Append(nil))
	text := link.Log{Session: 7, Level: 2, Text: []byte("battery \x1b[2J\x7f \U0001f50b")}
	f.Add(text.Append(nil))
	data := link.Data{Type: link.TypeReadings, Session: 7, Seq: 1, Body: []byte{0x82, 0, 0x80}}
	f.Add(data.Append(nil))
	f.Add(link.Poll{}.Append(nil))
	f.Fuzz(func(t *testing.T, frame []byte) {
		if len(frame) == 0 {
			return
		}
		var out bytes.Buffer
		if err := new(linkFrames).print(&out, frame); err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(out.Bytes()) {
			if !json.Valid(line) {
				t.Fatalf("%x gives %q", frame, line)
			}
		}
		first, _, _ := bytes.Cut(out.Bytes(), []byte("\n"))
		for _, c := range first {
			if c < ' ' || c > '~' {
				t.Fatalf("%x gives %q", frame, first)
			}
		}
	})
}
