package agent

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/vitalseal/vitalseal/agent/config"
	"github.com/vitalseal/vitalseal/agent/status"
	"github.com/vitalseal/vitalseal/sdk"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
	"github.com/vitalseal/vitalseal/sdk/identity"
)

// gathering makes the status.Report of an agent, one at a time however many ask. Whoever
// asks waits a moment for a fresh one: one that does not come, because a disk does
// not answer, must not keep an operator from being told so.
type gathering struct {
	conf     *config.Config
	pipeline *sdk.Pipeline
	sensors  []*sensorWatch
	version  string
	started  time.Time
	stuck    func(now time.Time) []status.Problem // asked each time, and must not wait

	mu     sync.Mutex
	going  chan struct{} // closed when the one that is being made is done; nil: none is
	begun  time.Time     // when that was begun
	newest status.Report
}

// patience is how long somebody who asks waits for a fresh Report.
const patience = 2 * time.Second

// report returns a fresh Report or, where that does not come, the newest one and a
// Problem that says so.
func (g *gathering) report(ctx context.Context) status.Report {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := g.fresh(ctx)
	now := time.Now()
	g.mu.Lock()
	s, begun := g.newest, g.begun
	g.mu.Unlock()
	all := g.stuck(now)
	if err != nil {
		all = append(all, status.Problem{Severity: status.Broken, What: "agent", Since: begun,
			Why: "it does not get to say how it is: what follows is how it was", Hint: "does the disk answer? see the kernel's log"})
	}
	if s.At.IsZero() { // not even once
		s = g.blank(now)
		s.Problems = all
		return s
	}
	s.Problems = append(all, status.Problems(&s, now)...)
	return s
}

// fresh returns when there is a Report that was begun after the call, or ctx ends.
func (g *gathering) fresh(ctx context.Context) error {
	asked := time.Now()
	for {
		g.mu.Lock()
		if g.going == nil && !g.newest.At.Before(asked) {
			g.mu.Unlock()
			return nil
		}
		if g.going == nil {
			g.going, g.begun = make(chan struct{}), time.Now()
			go g.make(g.going, g.begun)
		}
		going := g.going
		g.mu.Unlock()
		select {
		case <-going:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (g *gathering) make(done chan struct{}, at time.Time) {
	s := g.blank(at)
	g.fill(&s)
	g.mu.Lock()
	g.newest, g.going = s, nil
	g.mu.Unlock()
	close(done)
}

// blank has what is known without asking.
func (g *gathering) blank(at time.Time) status.Report {
	return status.Report{At: at, Gateway: g.conf.Gateway.Name, Version: g.version, Started: g.started,
		Broker: status.Broker{URL: g.conf.Broker.URL}, Outbox: status.Outbox{Max: g.conf.Outbox.MaxSize}}
}

func (g *gathering) fill(s *status.Report) {
	stats := g.pipeline.Stats()
	c := &stats.Connection
	s.Broker = status.Broker{URL: g.conf.Broker.URL, Connected: c.Connected, Since: c.Since, Connections: c.Count,
		LastAck: c.LastAck, Acknowledged: c.Acked, Flying: c.Flying, Error: errorText(c.Err)}
	o := &stats.Outbox
	s.Outbox = status.Outbox{Waiting: o.Records, Urgent: o.Urgent, Oldest: stats.Oldest, Bytes: o.Bytes, Max: o.MaxBytes,
		Dropped: o.Dropped + stats.Memory.Dropped, Corrupt: o.Corrupt, Low: o.Low, Error: errorText(stats.Err),
		Unstored: stats.Memory.Since, InMemory: stats.Memory.Waiting, FromMemory: stats.Memory.Published}
	for _, d := range stats.Devices {
		s.Outbox.Refused += d.Refused
	}
	for _, r := range stats.Receipts {
		s.Receipts = append(s.Receipts, status.Receipt{Receiver: r.Receiver, Receipts: r.Receipts, Last: r.Last, Behind: r.Behind,
			Oldest: r.Oldest, GivenUp: r.GivenUp, Refused: r.Refused, Error: errorText(r.Err)})
	}
	s.Disk = diskOf(dataDir(g.conf))
	s.Clock = clockStatus(g.pipeline.Clock())
	s.Certificates = certificates(g.conf)
	s.Roster = rosterStatus(g.conf.Site)
	s.Sensors = make([]status.Sensor, 0, len(g.sensors))
	for _, w := range g.sensors {
		sensor := w.status()
		addPipeline(&sensor, &stats)
		s.Sensors = append(s.Sensors, sensor)
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func clockStatus(c seal.Clock) status.Clock {
	if c.IsZero() {
		return status.Clock{}
	}
	if c.Error == seal.NoBound {
		return status.Clock{Set: true}
	}
	return status.Clock{Set: true, InStep: true, Error: c.Error}
}

// certificates are read anew each time: they are renewed while the agent runs.
func certificates(conf *config.Config) []status.Certificate {
	gateway, authority := conf.Broker.Certificate, conf.Broker.CA
	if gateway == "" {
		gateway, authority = filepath.Join(conf.Site, "gateway.pem"), filepath.Join(conf.Site, "ca.pem")
	}
	return []status.Certificate{certificate("gateway", gateway, 1), certificate("authority", authority, 0)}
}

// certificate looks at the first few certificates of a file, 0 for all, and returns
// the dates of the one that ends first.
func certificate(name, path string, most int) status.Certificate {
	s := status.Certificate{Name: name}
	text, err := os.ReadFile(path)
	for n := 0; err == nil && (most == 0 || n < most); n++ {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil && n > 0 {
			return s
		}
		var cert *x509.Certificate
		if cert, err = parseCertificate(block); err == nil && (n == 0 || cert.NotAfter.Before(s.NotAfter)) {
			s.NotBefore, s.NotAfter = cert.NotBefore, cert.NotAfter
		}
	}
	if err != nil {
		s.Error = fmt.Sprintf("%q: %v", path, err)
	}
	return s
}

func parseCertificate(block *pem.Block) (*x509.Certificate, error) {
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, errors.New("no certificate in PEM")
	}
	return x509.ParseCertificate(block.Bytes)
}

func rosterStatus(site string) status.Roster {
	public, err := identity.LoadSitePublic(filepath.Join(site, "site.pub"))
	if err != nil {
		return status.Roster{Error: err.Error()}
	}
	signed, err := os.ReadFile(filepath.Join(site, "roster"))
	if err != nil {
		return status.Roster{Error: err.Error()}
	}
	r, err := identity.ParseRoster(signed, public)
	if err != nil {
		return status.Roster{Error: err.Error()}
	}
	return status.Roster{Serial: r.Serial, Issued: r.Issued, Devices: len(r.Devices), Recipients: len(r.Recipients)}
}
