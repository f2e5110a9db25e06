package status

import (
	"strconv"
	"strings"
	"time"
)

// The exposition format is a screen of code, so it is written here:
// prometheus/client_golang 1.25.0 adds 2.7 MiB to a stripped program that has
// net/http already, and nine modules that would run beside the keys.

// exposition is text in the format of Prometheus, version 0.0.4.
type exposition struct{ b strings.Builder }

// family begins a family; its samples follow.
func (e *exposition) family(name, kind, help string) {
	e.b.WriteString("# HELP vitalseal_" + name + " " + help + "\n# TYPE vitalseal_" + name + " " + kind + "\n")
}

// sample adds a line. Labels are names and values in turn.
func (e *exposition) sample(name string, value float64, labels ...string) {
	e.b.WriteString("vitalseal_" + name)
	for i := 0; i+1 < len(labels); i += 2 {
		separator := ","
		if i == 0 {
			separator = "{"
		}
		e.b.WriteString(separator + labels[i] + `="` + labelEscapes.Replace(strings.ToValidUTF8(labels[i+1], "\uFFFD")) + `"`)
	}
	if len(labels) > 0 {
		e.b.WriteByte('}')
	}
	e.b.WriteString(" " + strconv.FormatFloat(value, 'g', -1, 64) + "\n")
}

var labelEscapes = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)

// one adds a family of one sample.
func (e *exposition) one(name, kind, help string, value float64) {
	e.family(name, kind, help)
	e.sample(name, value)
}

// moment is one for a time, in seconds since 1970; a time that never was is left out.
func (e *exposition) moment(name, help string, t time.Time) {
	if !t.IsZero() {
		e.one(name, "gauge", help, unixSeconds(t))
	}
}

func unixSeconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// Metrics are what Prometheus is given: counts, times and states, with the names of
// devices and drivers, in its text format, version 0.0.4. Errors, ports and all
// other text stay out, and a Report has no readings and no labels of patients to
// begin with. Of one that is not known yet there are no numbers.
func (r *Report) Metrics() string {
	e := new(exposition)
	e.family("info", "gauge", "The version of the agent and the name of its gateway.")
	e.sample("info", 1, "version", r.Version, "gateway", r.Gateway)
	e.moment("start_time_seconds", "When the agent started.", r.Started)
	e.moment("status_time_seconds", "When what follows was so; it stands still when the agent does.", r.At)
	e.family("problems", "gauge", "Things that somebody should look at.")
	for _, severity := range []Severity{Broken, Warning} {
		n := 0
		for _, p := range r.Problems {
			n += int(truth(p.Severity == severity))
		}
		e.sample("problems", float64(n), "severity", string(severity))
	}
	if r.At.IsZero() || r.Sensors == nil { // nothing is known yet: better no numbers than zeros
		return e.b.String()
	}
	e.broker(&r.Broker)
	e.outbox(&r.Outbox)
	e.receipts(r.Receipts)
	e.machine(r)
	e.sensors(r.Sensors)
	return e.b.String()
}

func (e *exposition) broker(b *Broker) {
	e.one("broker_connected", "gauge", "1 while connected to the broker.", truth(b.Connected))
	e.moment("broker_changed_time_seconds", "When the connection was made or lost.", b.Since)
	e.one("broker_connections_total", "counter", "Connections made.", float64(b.Connections))
	e.one("envelopes_acknowledged_total", "counter", "Envelopes the broker has acknowledged.", float64(b.Acknowledged))
	e.moment("last_acknowledged_time_seconds", "When the broker last acknowledged an envelope.", b.LastAck)
}

func (e *exposition) outbox(o *Outbox) {
	e.one("outbox_envelopes", "gauge", "Envelopes on disk that wait for the broker, or for receivers to sign for them.", float64(o.Waiting))
	e.one("outbox_urgent_envelopes", "gauge", "Of which alerts, anchors and accounts of drops.", float64(o.Urgent))
	e.moment("outbox_oldest_time_seconds", "When the oldest envelope that waits was stored.", o.Oldest)
	e.one("outbox_bytes", "gauge", "Disk the outbox takes.", float64(o.Bytes))
	e.one("outbox_max_bytes", "gauge", "Disk the outbox may take.", float64(o.Max))
	e.one("outbox_dropped_envelopes_total", "counter", "Envelopes dropped for want of room.", float64(o.Dropped))
	e.one("outbox_corrupt_envelopes_total", "counter", "Envelopes found unreadable.", float64(o.Corrupt))
	e.one("outbox_low_disk", "gauge", "1 while the outbox does not grow because the disk has too little left.", truth(o.Low))
	e.one("outbox_unstored", "gauge", "1 while data are published from memory because the disk has no room.", truth(!o.Unstored.IsZero()))
	e.one("outbox_memory_envelopes", "gauge", "Envelopes in memory only, which a power cut would lose.", float64(o.InMemory))
	e.one("outbox_memory_published_total", "counter", "Envelopes published from memory.", float64(o.FromMemory))
	e.one("storing", "gauge", "0 while readings cannot be sealed or stored.", truth(o.Error == ""))
}

// receipts adds what there is once for each receiver that has to sign.
func (e *exposition) receipts(all []Receipt) {
	for _, f := range []struct {
		name, kind, help string
		value            func(*Receipt) (value float64, known bool)
	}{
		{"receipts_total", "counter", "Receipts of a receiver that counted.",
			func(r *Receipt) (float64, bool) { return float64(r.Receipts), true }},
		{"receipt_last_time_seconds", "gauge", "When the newest of them came.",
			func(r *Receipt) (float64, bool) { return unixSeconds(r.Last), !r.Last.IsZero() }},
		{"receipt_behind_envelopes", "gauge", "Envelopes on disk that a receiver has not signed for.",
			func(r *Receipt) (float64, bool) { return float64(r.Behind), true }},
		{"receipt_oldest_time_seconds", "gauge", "When the oldest of them was stored.",
			func(r *Receipt) (float64, bool) { return unixSeconds(r.Oldest), !r.Oldest.IsZero() }},
		{"receipt_given_up_envelopes_total", "counter", "Envelopes that a receiver will never take.",
			func(r *Receipt) (float64, bool) { return float64(r.GivenUp), true }},
		{"receipts_refused_total", "counter", "Receipts of a receiver, and claims in them, that did not count.",
			func(r *Receipt) (float64, bool) { return float64(r.Refused), true }},
	} {
		if len(all) > 0 {
			e.family(f.name, f.kind, f.help)
		}
		for i := range all {
			if value, known := f.value(&all[i]); known {
				e.sample(f.name, value, "receiver", all[i].Receiver)
			}
		}
	}
}

func (e *exposition) machine(r *Report) {
	if d := &r.Disk; d.TotalBytes > 0 {
		e.one("disk_free_bytes", "gauge", "Bytes left on the file system of the data directory.", float64(d.FreeBytes))
		e.one("disk_bytes", "gauge", "Size of that file system.", float64(d.TotalBytes))
		if d.TotalInodes > 0 {
			e.one("disk_free_inodes", "gauge", "Inodes left on that file system.", float64(d.FreeInodes))
		}
	}
	e.one("clock_set", "gauge", "1 if the machine has been told the time.", truth(r.Clock.Set))
	e.one("clock_in_step", "gauge", "1 while something keeps the clock in step.", truth(r.Clock.InStep))
	e.family("certificate_end_time_seconds", "gauge", "When a certificate ends.")
	for _, c := range r.Certificates {
		if !c.NotAfter.IsZero() {
			e.sample("certificate_end_time_seconds", unixSeconds(c.NotAfter), "certificate", c.Name)
		}
	}
	e.moment("roster_issued_time_seconds", "When the site issued the roster.", r.Roster.Issued)
	e.one("roster_serial", "gauge", "The number of the roster.", float64(r.Roster.Serial))
}

// sensors adds what there is once for each sensor.
func (e *exposition) sensors(all []Sensor) {
	e.family("sensor_line", "gauge", "1 for the state that a sensor's line is in, 0 for all others.")
	for i := range all {
		for _, state := range lineStates {
			e.sample("sensor_line", truth(all[i].Line == state), "device", all[i].Device, "driver", all[i].Driver, "state", string(state))
		}
	}
	for _, f := range []struct {
		name, kind, help string
		value            func(*Sensor) (value float64, known bool)
	}{
		{"sensor_last_time_seconds", "gauge", "When the newest reading, or message of a device that seals, came.",
			func(s *Sensor) (float64, bool) { return unixSeconds(s.Last), !s.Last.IsZero() }},
		{"sensor_recorded_total", "counter", "Readings, or messages of a device that seals, that were taken.",
			func(s *Sensor) (float64, bool) { return float64(s.Recorded), true }},
		{"sensor_refused_total", "counter", "Readings, or messages of a device that seals, that were refused.",
			func(s *Sensor) (float64, bool) { return float64(s.Refused), true }},
		{"sensor_bytes_total", "counter", "Bytes that came on the line.",
			func(s *Sensor) (float64, bool) { return float64(s.Bytes), true }},
		{"sensor_good_frames_total", "counter", "Frames that came undamaged.",
			func(s *Sensor) (float64, bool) { return float64(s.Good), true }},
		{"sensor_bad_frames_total", "counter", "Frames that came damaged.",
			func(s *Sensor) (float64, bool) { return float64(s.Bad), true }},
		{"link_accepted", "gauge", "1 while the device of a link has proved which it is and is taken from.",
			func(s *Sensor) (float64, bool) {
				return truth(s.Link != nil && s.Link.Phase == "accepted"), s.Link != nil
			}},
		{"link_waiting_frames", "gauge", "Frames of a link that were taken and are not on disk yet.",
			func(s *Sensor) (float64, bool) {
				if s.Link == nil {
					return 0, false
				}
				return float64(s.Link.Waiting), true
			}},
	} {
		e.family(f.name, f.kind, f.help)
		for i := range all {
			if value, known := f.value(&all[i]); known {
				e.sample(f.name, value, "device", all[i].Device)
			}
		}
	}
}
