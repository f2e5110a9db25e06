package config_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vitalseal/vitalseal/agent/config"
)

// The loader never panics, places every problem within the file, and what it
// accepts keeps the promises of Config.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"", least, config.Example(), "[[sensor]]\n[[sensor]]\n[sensor.lines.fields]\nhr = {code=1}", "sensor = [[1]]", "sensor = [{}, 1]",
		"a.b.c = 1\n[a.d]\n[[a.e]]\n[a.e.f]", "\"\\u0000\" = 1\n'' = 2", "x = [[[[{a=[{}]}]]]]", "gateway = [{name=1}]", least + "lines = {fields = {a = 1}}",
		strings.Repeat("a.", 5000) + "b = 1", "[" + strings.Repeat("a.", 5000) + "b]\nc = 1", "x = " + strings.Repeat("[", 5000) + strings.Repeat("]", 5000),
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		cfg, err := config.Parse("/etc/v.toml", []byte(text), drivers())
		if err == nil {
			checkPromises(t, cfg)
			return
		}
		var ps config.Problems
		if !errors.As(err, &ps) || len(ps) == 0 {
			t.Fatalf("%v is no Problems", err)
		}
		lines := strings.Split(text, "\n")
		for _, p := range ps {
			if p.Line < 1 || p.Line > len(lines) || p.Column < 1 || p.Column > len(lines[p.Line-1])+1 || p.Message == "" {
				t.Fatalf("%v is outside the file", p)
			}
		}
	})
}

func checkPromises(t *testing.T, cfg *config.Config) {
	t.Helper()
	if !filepath.IsAbs(cfg.Site) || !filepath.IsAbs(cfg.Data) || !strings.HasPrefix(cfg.Broker.URL, "mqtts://") ||
		cfg.Gateway.Name == "" || cfg.Broker.Window < 1 || cfg.Outbox.MaxSize < 1<<20 || len(cfg.Sensors) == 0 {
		t.Fatalf("accepted %+v", cfg)
	}
	devices := map[string]bool{}
	for _, s := range cfg.Sensors {
		if s.Port.Silence == config.DriverSilence {
			s.Port.Silence = 0 // the driver says how long
		}
		if devices[s.Device] || s.Device == "" || s.Port.Validate() != nil || (s.Driver == config.LinesDriver) != (s.Lines != nil) ||
			(s.Driver == config.LinkDriver) != (s.Mode != "") || s.Mode == config.Sealed && s.Label != "" || s.Device == cfg.Gateway.Name {
			t.Fatalf("accepted %+v", s)
		}
		devices[s.Device] = true
	}
}
