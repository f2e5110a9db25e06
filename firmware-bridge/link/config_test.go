package link_test

import (
	"bytes"
	"hash/crc32"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/vitalseal/vitalseal/firmware-bridge/link"
)

func TestSensorConfig(t *testing.T) {
	key, kid := device()
	good := func() link.SensorConfig {
		return link.SensorConfig{Session: 7, KeyID: kid, Signer: key, Keep: make([]byte, 64), Receive: make([]byte, 64)}
	}
	for name, change := range map[string]func(c *link.SensorConfig){
		"session 0":             func(c *link.SensorConfig) { c.Session = 0 },
		"key without signer":    func(c *link.SensorConfig) { c.Signer = nil },
		"signer without key":    func(c *link.SensorConfig) { c.KeyID = link.KeyID{} },
		"sealed without signer": func(c *link.SensorConfig) { c.KeyID, c.Signer, c.Capabilities = link.KeyID{}, nil, link.CapSealed },
		"unknown capability":    func(c *link.SensorConfig) { c.Capabilities = 4 },
		"firmware of 33 bytes":  func(c *link.SensorConfig) { c.Firmware = strings.Repeat("f", 33) },
		"firmware not UTF-8":    func(c *link.SensorConfig) { c.Firmware = "\xff" },
		"receive of 63 bytes":   func(c *link.SensorConfig) { c.Receive = c.Receive[:63] },
		"keep of 3 bytes":       func(c *link.SensorConfig) { c.Keep = c.Keep[:3] },
	} {
		c := good()
		change(&c)
		var s link.Sensor
		if err := s.Init(c); err != link.ErrConfig {
			t.Errorf("%s: %v", name, err)
		}
	}
	var s link.Sensor
	if err := s.Init(good()); err != nil {
		t.Error(err)
	}
	c := good()
	c.Receive = make([]byte, 5000)
	if err := s.Init(c); err != nil {
		t.Error(err)
	}
	if h, err := link.ParseHello(unhex(t, decoded(s.Send(nil, 0))[0])); err != nil || h.MaxFrame != 4096 {
		t.Errorf("announces %d (%v)", h.MaxFrame, err)
	}
}

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	return step{values: []string{text}}.hex(t, 0)
}

func TestGatewayConfig(t *testing.T) {
	random := func(*[32]byte) error { return nil }
	for _, c := range []link.GatewayConfig{
		{Receive: make([]byte, 4095), Random: random},
		{Receive: make([]byte, 4096)},
	} {
		var g link.Gateway
		if err := g.Init(c); err != link.ErrConfig {
			t.Errorf("%d bytes: %v", len(c.Receive), err)
		}
	}
}

// TestCRC holds the nibble table against hash/crc32, through frames.
func TestCRC(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	for n := 1; n < 600; n++ {
		p := noise(random, n)
		if got := link.AppendFrame(nil, p); !bytes.Equal(got, wire(p)) {
			t.Fatalf("%x is sent as %x", p, got)
		}
	}
	if crc32.Checksum([]byte("123456789"), crc32.MakeTable(crc32.Castagnoli)) != 0xe3069283 {
		t.Error("not the CRC of RFC 3720")
	}
}

// TestUTF8 holds the texts that are accepted against unicode/utf8: all of one
// to three bytes near the edges, and many of four.
func TestUTF8(t *testing.T) {
	edges := []byte{0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff}
	var try func(text []byte)
	try = func(text []byte) {
		if len(text) > 0 {
			m := link.Log{Session: 1, Level: 1, Text: text}
			if _, err := link.ParseLog(m.Append(nil)); (err == nil) != utf8.Valid(text) {
				t.Errorf("%x: %v", text, err)
			}
		}
		for _, b := range edges {
			if len(text) < 4 {
				try(append(text[:len(text):len(text)], b))
			}
		}
	}
	try(nil)
}

// TestLogText logs texts of all kinds: what goes out is UTF-8, and the text
// itself where it was.
func TestLogText(t *testing.T) {
	s, _, _ := acceptedPair(t, false)
	random := rand.New(rand.NewPCG(9, 10))
	for range 5000 {
		text := string(noise(random, random.IntN(12)))
		if random.IntN(2) == 0 {
			text = strings.Repeat("a", 75) + strings.ToValidUTF8(text, "\u20ac")
		}
		s.Log(link.LevelInfo, text)
		out := s.Send(nil, 0)
		if text == "" {
			continue
		}
		m, err := link.ParseLog(unhex(t, decoded(out)[0]))
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if utf8.ValidString(text) && (!strings.HasPrefix(text, string(m.Text)) || len(text)-len(m.Text) > max(0, len(text)-77)) {
			t.Fatalf("%q is sent as %q", text, m.Text)
		}
		if !utf8.ValidString(text) && len(text) <= link.MaxLog && len(m.Text) != len(text) {
			t.Fatalf("%q is sent as %q", text, m.Text)
		}
	}
}
