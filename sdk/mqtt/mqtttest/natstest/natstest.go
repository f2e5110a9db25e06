// Package natstest starts nats-server, alone or as a cluster, with the project's
// own configuration and access list. It is a package of its own because a
// nats-server is much to link into a test that does not need one.
package natstest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	nats "github.com/nats-io/nats-server/v2/server"
	"github.com/vitalseal/vitalseal/sdk/mqtt/mqtttest"
)

// Cluster is one or more nats-servers inside the test, each with an MQTT listener
// on a loopback port.
type Cluster struct {
	Nodes []*Node
}

// Node is one server, with a directory of its own.
type Node struct {
	URL string // mqtts://localhost:port

	t    testing.TB
	conf string // path
	srv  *nats.Server
}

// Users says who may connect. Zero fields mean those of scripts/nats: the
// gateway "gw-1" and the receiver "station" of the site "ward-3", with the
// certificates that package identity issues.
type Users struct {
	Site      string   // with Bare; "*" is every site
	Gateways  []string // names
	Receivers []string // names, without Bare
	Bare      bool     // certificates have a CN and nothing else, as mqtttest.CA.Client makes them
}

// Files are replacements that have a server use ca.pem, cert.pem and key.pem of a
// directory, as a site makes it for its broker.
func Files(dir string) []string {
	return []string{
		"ca_file: ", `ca_file: "` + dir + `/ca.pem" # `, "cert_file: ", `cert_file: "` + dir + `/cert.pem" # `,
		"key_file: ", `key_file: "` + dir + `/key.pem" # `,
	}
}

// Start runs one nats-server with JetStream until the test ends.
func Start(t testing.TB, ca *mqtttest.CA, users Users, replacements ...string) *Cluster {
	t.Helper()
	return begin(t, ca, 1, users, replacements)
}

// StartCluster runs three that keep what they acknowledge on a majority.
func StartCluster(t testing.TB, ca *mqtttest.CA, users Users, replacements ...string) *Cluster {
	t.Helper()
	return begin(t, ca, 3, users, replacements)
}

func begin(t testing.TB, ca *mqtttest.CA, n int, users Users, replacements []string) *Cluster {
	t.Helper()
	c := new(Cluster)
	var routes, ports []string
	for range n {
		port := mqtttest.FreePort(t)
		ports = append(ports, port)
		routes = append(routes, `"nats://127.0.0.1:`+port+`"`)
	}
	for i := range n {
		node := &Node{t: t}
		cluster := ""
		if n > 1 {
			cluster = fmt.Sprintf("cluster {\n  name: ward\n  listen: \"127.0.0.1:%s\"\n  routes: [%s]\n}\n", ports[i], strings.Join(routes, ", "))
		}
		node.configure(ca, fmt.Sprintf("node-%d", i), users.text(t), cluster, replacements)
		c.Nodes = append(c.Nodes, node)
	}
	t.Cleanup(func() {
		for _, node := range c.Nodes {
			node.Kill()
		}
	})
	for _, node := range c.Nodes {
		node.launch()
	}
	for _, node := range c.Nodes {
		node.ready()
	}
	if n > 1 {
		c.elected(t)
	}
	return c
}

// configure writes the shipped files with local paths and ports.
func (n *Node) configure(ca *mqtttest.CA, name, users, cluster string, replacements []string) {
	n.t.Helper()
	dir, port, server := n.t.TempDir(), mqtttest.FreePort(n.t), ca.Server()
	n.URL, n.conf = "mqtts://localhost:"+port, filepath.Join(dir, "nats.conf")
	text := strings.NewReplacer(
		"server_name: vitalseal", "server_name: "+name,
		"port: 4222", "port: -1",
		"host: 0.0.0.0\n  port: 8883", "host: 127.0.0.1\n  port: "+port,
		"/etc/nats/certs/ca.pem", ca.File(),
		"/etc/nats/certs/broker.pem", server.Files.Cert,
		"/etc/nats/certs/broker.key", server.Files.Key,
		"/var/lib/nats", filepath.Join(dir, "jetstream"),
		"max_file_store: 8GB", "max_file_store: 256MB",
	).Replace(shipped(n.t, "nats.conf"))
	text = strings.NewReplacer(replacements...).Replace(text) + cluster
	for path, content := range map[string]string{n.conf: text, filepath.Join(dir, "users.conf"): users} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			n.t.Fatal(err)
		}
	}
}

func shipped(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(mqtttest.ModuleRoot(t), "scripts", "nats", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// text is the shipped access list with a line for each of the users.
func (u Users) text(t testing.TB) string {
	t.Helper()
	var out strings.Builder
	for line := range strings.Lines(shipped(t, "users.conf")) {
		shipped, names := "gw-1", u.Gateways
		if strings.Contains(line, "OU=station") {
			shipped, names = "station", u.Receivers
		}
		if !strings.Contains(line, "{ user: ") || len(names) == 0 {
			names = []string{shipped}
		}
		for _, name := range names {
			out.WriteString(strings.ReplaceAll(line, shipped, name))
		}
	}
	if !u.Bare {
		return out.String()
	}
	return strings.NewReplacer(
		",O=vitalseal ward-3", "", ",OU=station", "", "beacon.station", "beacon.*", "receipt.station", "receipt.*",
		`"vs1.ward-3", "vs1.ward-3.>"`, `"vs1", "vs1.>"`, "vs1.ward-3.", "vs1."+u.Site+".",
	).Replace(out.String())
}

// Start runs a node that was killed again, on its own files.
func (n *Node) Start() {
	n.t.Helper()
	n.launch()
	n.ready()
}

func (n *Node) launch() {
	n.t.Helper()
	opts, err := nats.ProcessConfigFile(n.conf)
	if err != nil {
		n.t.Fatal(err)
	}
	opts.NoSigs, opts.NoLog = true, true
	// A busy machine is no reason to hang up on a client. In a cluster a request
	// may be lost while a leader is elected: that one is given up after 5 s, as ever.
	opts.MQTT.TLSTimeout, opts.MQTT.AuthTimeout = mqtttest.Patience.Seconds(), mqtttest.Patience.Seconds()
	if opts.Cluster.Name == "" {
		opts.MQTT.JSAPITimeout = mqtttest.Patience
	}
	if n.srv, err = nats.NewServer(opts); err != nil {
		n.t.Fatal(err)
	}
	go n.srv.Start()
}

func (n *Node) ready() {
	n.t.Helper()
	if !n.srv.ReadyForConnections(mqtttest.Patience) {
		n.t.Fatal("nats-server does not come up")
	}
}

// Kill ends a node: its connections break, and the cluster is not told. What it
// was about to write is written: a server inside the test's process cannot lose
// what the kernel has.
func (n *Node) Kill() {
	if n.srv == nil {
		return
	}
	n.srv.Shutdown()
	n.srv.WaitForShutdown()
	n.srv = nil
}

// elected waits until the cluster has a leader for its metadata and everybody
// follows it.
func (c *Cluster) elected(t testing.TB) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(mqtttest.Patience); ; {
		leaders, current := 0, 0
		for _, node := range c.Nodes {
			if node.srv.JetStreamIsLeader() {
				leaders++
			}
			if node.srv.JetStreamIsCurrent() {
				current++
			}
		}
		if leaders == 1 && current == len(c.Nodes) {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("the cluster has %d leaders, %d of %d nodes are current", leaders, current, len(c.Nodes))
		}
	}
}
