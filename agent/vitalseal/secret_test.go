package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestNoSecretIsPrinted runs the commands that touch keys, and looks in what they
// print for any line of any secret file.
func TestNoSecretIsPrinted(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "site")
	var printed bytes.Buffer
	for _, args := range [][]string{
		{"site", "init", dir, "-name", "ward-3", "-gateway", "gw-1", "-device", "pulse", "-recipient", "station", "-broker", "localhost"},
		{"device", "add", dir, "gw-1", "board", "-psk"},
		{"device", "provision", dir, "gw-1", "monitor-4", "-o", filepath.Join(dir, "monitor-4.bin")},
		{"device", "list", dir, "-json"},
		{"site", "show", dir},
		{"site", "show", dir, "-json"},
		{"site", "recipient", dir, "other"},
		{"site", "renew", dir, "-days", "999"},
		{"check", "-config", filepath.Join(dir, "gateways", "gw-1.toml"), "-timeout", "1s"},
		{"receive", "-identity", filepath.Join(dir, "recipients", "station"), "-broker", "mqtts://localhost:1", "-for", "1ms"},
		{"inspect", filepath.Join(dir, "roster")},
	} {
		run(args, strings.NewReader(""), &printed, &printed) // some fail, which must not show secrets either
	}
	secrets := 0
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		info, err := e.Info()
		if err != nil || info.Mode().Perm() != 0o600 {
			return err
		}
		text, err := os.ReadFile(path)
		for line := range strings.Lines(string(text)) {
			line = strings.TrimSpace(line)
			if len(line) < 24 || strings.HasPrefix(line, "-----") || strings.Contains(line, ": ") {
				continue // not of the base64
			}
			secrets++
			if strings.Contains(printed.String(), line) {
				t.Errorf("%s was printed", path)
			}
		}
		return err
	})
	if err != nil || secrets < 10 {
		t.Errorf("looked for %d lines of secrets: %v", secrets, err)
	}
}
