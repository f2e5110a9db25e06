// Package sdk is what a device vendor imports: readings go in, and come out of
// a receiver verified.
//
// A Pipeline belongs to one gateway. For each device it encrypts readings with
// that device's keys, signs them, keeps them on disk, and publishes them over
// mutually authenticated MQTT:
//
//	p, err := sdk.Open(ctx, sdk.Config{Identity: "gateway", Broker: "mqtts://broker:8883"})
//	oximeter, err := p.Device("oximeter-3")
//	err = oximeter.Record(vital.Numeric{Code: vital.SpO2, Unit: vital.Percent, Value: vital.Int(98)})
//
// # What is durable when
//
// Record takes a reading into the open batch and returns at once; it never waits
// for the disk or the network. When the open batch is at its bound, Record refuses
// with ErrFull, and the loss is sealed as a Dropped record. Whatever is waiting is
// sealed and on disk within Config.Every, or, when that is 0, as soon as the
// commit before it is done. Sync returns when everything recorded before it is on
// disk; a power cut after that loses none of it. Nothing unsealed ever touches the
// disk, and nothing leaves it before the broker has acknowledged it or, with
// Config.Receipts, before its receivers have signed for it.
//
// While the disk refuses, readings wait in memory up to Config.MaxWaiting, and
// Sync and Stats say why. While only a new chain cannot be begun (a roster that
// cannot be read at the daily renewal), the chain before is used on.
//
// When the outbox is full, the oldest data go first; alerts and the signed
// accounts of what was dropped have a reserve of their own. What waited for a
// connection is published behind what is new, at Config.BacklogRate, once the
// beacons of receivers are heard and echoed.
//
// A broker that was killed may have forgotten what it had acknowledged. Anchors under
// which something waits are published again at each connection; readings that it
// had acknowledged and not passed on are lost with it. An anchor that a broker has
// no room to pass on to a slow receiver it retains: the receiver asks for it.
//
// When others have filled the disk, so that too little is left for them, the outbox
// does not grow. Alerts, anchors and accounts are still stored. Data that find no room
// are published live from memory, at most Config.MaxWaiting of it, behind alerts and
// before what else is on disk; when the memory is full too, the oldest of all go,
// from the disk first, and are signed for. Without a connection to publish on, the
// oldest on the disk make room. What is in memory only is not durable: Sync returns
// ErrNotDurable until the broker has acknowledged it, Stats.Memory says how much that
// is, and the gateway says in signed events when it began and when it was over. A
// sensor whose readings are offered with a Journal, or carried, is told of them when
// the broker has them; if the process is killed between the broker's word and the
// Journal's note, what the broker had just taken of a Journal's offers comes again.
// When there is room again what is left moves to the disk, and all is stored as
// before, by itself; of what was on its way some may be sent twice, which receivers
// drop. What Close finds no room for is lost and signed for, and Close says so.
//
// What of the outbox is damaged is stepped over. The gateway says so in a signed
// event, and the device which of its envelopes were lost, as far as that is known.
//
// Accounts (of what Record refused, of what was dropped, of damage) go the way of
// alerts and are never dropped. That of a drop is on disk before what it tells of
// goes. The others are summed up: there is at most one a second, and while accounts do
// not leave, because the broker is away, each waits twice as long as the one before,
// up to ten minutes, so that they do not fill the outbox; Close says what is left. What
// was counted and not yet said when the power fails is said by nobody: a second's
// worth of refused readings where accounts leave, ten minutes' worth at most where
// they do not. Such readings were never sealed, so no receiver misses them by number.
// What a sensor says it dropped itself travels with its readings.
//
// # Receipts
//
// A broker that acknowledged an envelope may still lose it: killed before it saved,
// short of room for a receiver that is away, or hostile. With Config.Receipts the
// outbox gives an envelope up only when each receiver that is named there has signed
// that what it says is durable with it, or that it will never take it:
//
//	p, err := sdk.Open(ctx, sdk.Config{Identity: "gateway", Broker: broker, Receipts: []string{"station"}})
//
// What is not signed for is published again at the next connection and, while one
// lasts, when the receiver has signed for something that was published later, and
// half a minute has passed; a heartbeat is such a thing. Receivers know what they have
// and count no reading twice.
// So everything that was stored reaches the receivers, through brokers that are
// killed or that throw away, as long as the outbox has room: a receiver that is away
// fills it as a broker does, with the same order of what goes first. What a pipeline
// published and nobody had signed for when it was closed is published again by the
// next. What is published from memory, because the disk has no room for it, is gone
// with the broker's acknowledgement as ever. A receiver that is named, and never comes, has the outbox fill up: see
// Stats.Receipts.
//
// A receipt counts if the key that the roster has for the receiver signed it, for
// this site and gateway. One that names another message than was sealed under a
// number is refused, and the gateway says so in a signed event: it is forged with the
// receiver's key, or the chain is forked. An old receipt says less than a new one, and
// nothing else.
//
// # Whose readings, and when
//
// A label holds from the call of Device.Label on, and every message carries it. A
// reading's time counts on the monotonic clock; when the wall clock is set or the
// machine was suspended, the next reading is the first under the new clock. What a
// sensor kept while its gateway was away begins a chain that reaches a day back.
// What was refused or dropped is said once, in a signed record.
//
// The next chain names the one before and, after Close, its end. After a crash it
// claims no end: the tail is proven by its own messages alone.
//
// # Sensors that seal for themselves
//
// A sensor that holds its own keys hands the gateway anchors and batches that are
// sealed already. A Carrier verifies each with the device's public key from the
// roster, keeps it and publishes it, and can neither read nor alter it:
//
//	c, err := p.Carrier("monitor-4")
//	err = c.Carry(message)
//	err = c.Sync(ctx) // now the sensor may forget it
//
// Messages come in the order in which they were sealed: what does not follow the one
// before is refused, so that an old one played again takes nobody's place.
//
// What the gateway notices itself, a foreign device on a port for one, it seals
// as the device of its own name: see Pipeline.Event.
//
// # Receiving
//
// A Receiver subscribes, verifies, opens, notices what is missing, and hands each
// reading on with a verdict. See package receive for the verdicts. It tells each
// gateway, in signed receipts, what of its chains is durable at the receiver
// (ReceiverConfig.NoReceipts).
//
// # The rigs
//
// Those of the whole way, from Record through a real broker to a receiver's account.
// What each run of the tests does in a few seconds, these do in full; SDK_SEED repeats
// a run as far as the machine does:
//
//	SDK_CRASHES=10000 go test -run KilledAtEveryPoint ./sdk   SIGKILL of gateways, at every point and at random moments
//	SDK_KILLS=300 go test -run 'Killed$' ./sdk                the same, while receivers come and go
//	SDK_RECEIPT_KILLS=100 go test -run AllKilled ./sdk        SIGKILL of gateways, receivers and brokers, with receipts
//	SDK_KILLS=1000 go test -run PowerCutsAndOffers ./sdk      power cuts amid offers that are noted in a Journal
//	SDK_EVERY_BYTE=1 go test -run CutAtEveryByte ./sdk        connections cut after each byte of a session
//	SDK_FAULTS=1000 go test -run NetworkFaults ./sdk          two faults at once, of nine kinds
//	SDK_FLOOD=10m go test -run Flood ./sdk                    ten times what the link carries
//	SDK_DRAIN=86400 go test -timeout 1h -run Drain ./sdk      a day's backlog, while the bed goes on
//	SDK_STARTS=100 go test -run Past ./sdk                    starts without a broker, before a receiver that is new
//	SDK_SOAK=10000000 go test -run Soak ./sdk                 readings
//
// The points at which a gateway is killed are the entries of all system calls that
// change a file of its own or speak on a connection: nothing else that it does has an
// effect which outlives it. They are named after what is called and on what, "fdatasync
// data segment", "renameat chains.json.new", "write broker". The last full run: 9,983
// kills in 57 minutes, 2,624 of them at 69 of the 71 points; of 582,998 readings that
// a Sync had covered none was lost and none received twice.
package sdk
