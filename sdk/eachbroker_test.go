package sdk_test

import (
	"testing"

	"github.com/vitalseal/vitalseal/sdk/mqtt/mqtttest"
	"github.com/vitalseal/vitalseal/sdk/mqtt/mqtttest/natstest"
	"github.com/vitalseal/vitalseal/sdk/sdktest"
)

// eachBroker runs a test on a ward with mosquitto and on one with nats-server.
// Other tests run on mosquitto alone: what they try is on this side of the broker.
func eachBroker(t *testing.T, test func(t *testing.T, w *sdktest.Ward), devices ...string) {
	t.Run("mosquitto", func(t *testing.T) {
		t.Parallel()
		test(t, sdktest.NewWard(t, devices...))
	})
	t.Run("nats", func(t *testing.T) {
		t.Parallel()
		test(t, sdktest.NewWardOn(t, func(files string) sdktest.Broker { return startNATS(t, files) }, devices...))
	})
}

// startNATS runs one nats-server, which admits the receivers that tests add.
func startNATS(t *testing.T, files string) sdktest.Broker {
	users := natstest.Users{Receivers: []string{"station", "second", "late"}}
	// A disk that is slow for more than five seconds ends no connection.
	conf := append(natsConf(files), "max_ack_pending: 100", "max_ack_pending: 100\n  js_api_timeout: 1m")
	node := natstest.Start(t, mqtttest.NewCA(t), users, conf...).Nodes[0]
	return sdktest.Broker{URL: node.URL, Start: node.Start, Stop: node.Kill, Kill: node.Kill}
}

// natsConf has a site's certificates, and unacknowledged messages sent again sooner.
func natsConf(files string) []string {
	return append(natstest.Files(files), `ack_wait: "10s"`, `ack_wait: "1s"`)
}
