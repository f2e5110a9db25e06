// Package layers holds the table of who may import whom. Its test enforces it;
// change it in a commit of its own that says why.
package layers

// Layer is a package, or with a trailing "/..." a package and all below it, and
// what it may import beside the standard library.
type Layer struct {
	Floor   int
	Package string   // below the module path; "" is none
	Imports []string // packages of this module
	Modules []string // other modules
	Std     []string // nil: all of the standard library; else only these
}

// primitives is what the core may use of the standard library: it compiles for
// bare metal, so no fmt, os, time, net, reflect or sync.
var primitives = []string{
	"errors", "math/bits", "unicode/utf8", "crypto/sha256", "crypto/ed25519", "crypto/cipher", "crypto/aes", "crypto/subtle",
	// keys/p256.go, which TinyGo does not build:
	"crypto/ecdsa", "crypto/elliptic", "crypto/rand", "math/big",
}

const xcrypto = "golang.org/x/crypto"

// Table is ordered from the bottom up.
var Table = []Layer{
	// unicode/utf8 is tables and arithmetic only, and texts must be valid.
	{0, "sdk/core/cbor", nil, nil, []string{"errors", "math/bits", "unicode/utf8"}},

	// SHA-2, ChaCha20-Poly1305 and Ed25519 for microcontrollers: arithmetic alone.
	{0, "sdk/core/microcrypto", nil, nil, []string{"math/bits"}},
	// Writes its tables, on the developer's machine.
	{5, "sdk/core/microcrypto/generate", nil, nil, nil},
	// A whole sealing sensor, counted on an emulated board and compared with the host.
	{5, "sdk/core/microcrypto/measure", []string{"sdk/core/..."}, nil, nil},

	{1, "sdk/core/vital", []string{"sdk/core/cbor"}, nil, primitives},
	{1, "sdk/core/keys", []string{"sdk/core/cbor", "sdk/core/microcrypto"}, []string{xcrypto}, primitives},
	// An envelope is made with keys; nothing else on floor 1 knows its neighbours.
	{1, "sdk/core/seal", []string{"sdk/core/cbor", "sdk/core/keys", "sdk/core/microcrypto"}, nil, primitives},
	// Both ends of one wire; it carries envelopes and knows nothing of them.
	{1, "firmware-bridge/link", []string{"sdk/core/cbor"}, nil, []string{"errors"}},

	{2, "sdk/identity/...", []string{"sdk/core/..."}, []string{"github.com/fxamacker/cbor/v2", xcrypto, "golang.org/x/sys"}, nil},
	{2, "sdk/outbox/...", nil, []string{"golang.org/x/sys"}, nil},
	{2, "sdk/mqtt", nil, []string{"github.com/eclipse/paho.mqtt.golang"}, nil},
	// A broker for the tests of this and other packages, never linked into a product.
	{2, "sdk/mqtt/mqtttest", []string{"sdk/mqtt"}, []string{"github.com/mochi-mqtt/server/v2", "github.com/eclipse/paho.mqtt.golang"}, nil},
	// nats-server, apart so that only the tests that need one link it.
	{2, "sdk/mqtt/mqtttest/natstest", []string{"sdk/mqtt/mqtttest"}, []string{"github.com/nats-io/nats-server/v2"}, nil},
	{2, "sdk/receive/...", []string{"sdk/core/..."}, []string{"go.etcd.io/bbolt"}, nil},
	{2, "firmware-bridge/port", nil, []string{"go.bug.st/serial", "golang.org/x/sys"}, nil},
	{2, "firmware-bridge/sim/...", []string{"sdk/core/vital"}, nil, nil},
	{2, "firmware-bridge/sensor/...", []string{"sdk/core/vital", "firmware-bridge/sim", "firmware-bridge/sensor/..."}, nil, nil},
	// Runs on the sensor's microcontroller, so it has no more of the standard library than the core.
	{2, "firmware-bridge/firmware", []string{"sdk/core/...", "firmware-bridge/link"}, nil, []string{"errors", "unicode/utf8"}},
	// The C library: its only Go is tests.
	{2, "firmware-bridge/firmware/c", nil, nil, []string{}},

	// A whole site for the tests of this and other packages.
	{3, "sdk/sdktest", []string{"sdk/..."}, nil, nil},
	{3, "sdk", []string{"sdk/..."}, []string{"golang.org/x/sys"}, nil},

	{4, "agent", []string{"sdk/...", "firmware-bridge/...", "agent/config", "agent/notify", "agent/status"}, nil, nil},
	{4, "agent/config", []string{"sdk/...", "firmware-bridge/..."}, []string{"github.com/pelletier/go-toml/v2"}, nil},
	// What the service manager and who asks are told: values and sockets, which know nothing of sensors or envelopes.
	{4, "agent/notify", nil, nil, nil},
	{4, "agent/status", nil, nil, nil},

	// creack/pty: the simulated bed puts its devices on pseudo-terminals.
	{5, "agent/vitalseal/...", []string{"..."}, []string{"github.com/fxamacker/cbor/v2", "golang.org/x/term", "github.com/creack/pty"}, nil},
	// A program: the simulated sensor. On the host it has sockets and files in the place of a board.
	{5, "firmware-bridge/firmware/tinygo/...", []string{"sdk/core/...", "firmware-bridge/firmware/...", "firmware-bridge/link"}, nil, nil},
	{5, "examples/...", []string{"..."}, []string{"github.com/mochi-mqtt/server/v2", "github.com/creack/pty", "golang.org/x/term"}, nil},
	// The first process of an emulated gateway: it mounts, loads modules and sets up the network.
	{5, "scripts/bedside/guest", []string{"scripts/bedside/inside"}, []string{"golang.org/x/sys"}, nil},
	{5, "scripts/bedside/inside", nil, []string{"golang.org/x/sys"}, nil},
	// The same where the power is cut under an outbox: device-mapper and loop devices.
	{5, "scripts/bedside/powercut/guest", []string{"sdk/outbox", "scripts/bedside/blocklog", "scripts/bedside/inside"}, []string{"golang.org/x/sys"}, nil},
	{5, "scripts/...", []string{"..."}, nil, nil},
}
