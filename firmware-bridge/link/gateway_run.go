package link

// Receive takes bytes that came from the line and tells h what they say.
func (g *Gateway) Receive(p []byte, now uint64, h GatewayHandler) {
	g.expire(now)
	for {
		var frame []byte
		if frame, p = g.decoder.Next(p); frame == nil {
			return
		}
		if !g.handle(frame, now, h) {
			g.ignored++
			continue
		}
		g.heard = now
	}
}

// expire forgets a sensor that was not heard for too long: whoever speaks next
// proves who it is.
func (g *Gateway) expire(now uint64) {
	if at := g.lostAt(); at <= now {
		g.phase, g.pollAt = GatewayIdle, at
		g.drawn = false
	}
}

// lostAt returns when the sensor is taken for gone.
func (g *Gateway) lostAt() uint64 {
	switch g.phase {
	case GatewayIdle:
		return never
	case GatewayRefused:
		return g.heard + refusedLost
	}
	return g.heard + sensorLost
}

// handle takes a frame and reports whether it has a place in the conversation.
func (g *Gateway) handle(frame []byte, now uint64, h GatewayHandler) bool {
	var err error
	switch t := Type(frame[0]); t {
	case TypeHello:
		var m Hello
		if m, err = ParseHello(frame); err == nil {
			return g.takeHello(&m, now, h)
		}
	case TypeProof:
		var m Proof
		if m, err = ParseProof(frame); err == nil && m.Session == g.hello.Session {
			return g.takeProof(m.Echo, frame[proofSize-signatureSize:], now, h)
		}
	case TypeReadings, TypeAnchor, TypeSealed:
		if g.data, err = ParseData(frame); err == nil && g.accepts(g.data.Session) {
			return g.takeData(now, h)
		}
	case TypeHeartbeat:
		if g.beat, err = ParseHeartbeat(frame); err == nil && g.accepts(g.beat.Session) {
			h.Heartbeat(&g.beat)
			return true
		}
	case TypeLog:
		if g.line, err = ParseLog(frame); err == nil && g.accepts(g.line.Session) {
			h.Log(&g.line)
			return true
		}
	}
	return false
}

// accepts reports whether a session's frames are taken.
func (g *Gateway) accepts(session uint32) bool {
	return g.phase == GatewayAccepted && session == g.session
}

// takeHello begins a handshake. While a challenge is open, the same sensor gets
// it again: it may be signing just now.
func (g *Gateway) takeHello(m *Hello, now uint64, h GatewayHandler) bool {
	if g.hello.Session != 0 && now < g.helloAt+helloIgnored {
		return false
	}
	if g.phase != GatewayChallenged || m.Session != g.hello.Session || m.KeyID != g.hello.KeyID {
		g.drawn = false
	}
	g.helloAt = now
	g.hello = *m
	g.hello.Firmware = g.firmware[:copy(g.firmware[:], m.Firmware)]
	if reason := h.Hello(&g.hello); reason != 0 {
		g.refuse(reason)
		return true
	}
	g.welcomeAt = 0
	if (m.KeyID == KeyID{}) {
		g.accept(h)
		return true
	}
	g.phase = GatewayChallenged
	return true
}

// refuse takes nothing from the sensor any more.
func (g *Gateway) refuse(r Reason) {
	g.phase, g.reason, g.drawn, g.refuseAt = GatewayRefused, r, false, 0
}

// takeProof has the answer to the open challenge verified; one to an earlier
// challenge comes late and is no attack. It answers a repeated proof as it
// answered the first: the answer may have been lost.
func (g *Gateway) takeProof(echo [echoSize]byte, signature []byte, now uint64, h GatewayHandler) bool {
	switch {
	case g.phase == GatewayAccepted:
		g.ackAt = sooner(g.ackAt, g.acked+ackGap)
	case g.phase == GatewayRefused:
		g.refuseAt = sooner(g.refuseAt, g.refused+refuseGap)
	case g.phase == GatewayChallenged && g.drawn && echo == [echoSize]byte(g.challenge[:]):
		g.drawn = false
		message := AppendProofMessage(g.message[:0], g.hello.KeyID, g.hello.Session, &g.challenge)
		if reason := h.Proof(&g.hello, message, signature); reason != 0 {
			g.refuse(reason)
			break
		}
		g.welcomeAt = never
		g.accept(h)
	default:
		return false
	}
	return true
}

// accept takes data from the sensor from now on.
func (g *Gateway) accept(h GatewayHandler) {
	g.phase = GatewayAccepted
	g.ackAt, g.timeAt = 0, 0
	if g.hello.Session != g.session || g.hello.KeyID != g.kid {
		g.session, g.kid, g.limit = g.hello.Session, g.hello.KeyID, g.window
		next, known := h.Begin(&g.hello)
		if !known {
			next = g.hello.Base
		}
		g.taken, g.durable = next, next
	}
	// A sensor never has more in flight than a window, so what it keeps begins not
	// far below what was taken. If it does, this is another session of that name.
	if g.taken-g.hello.Base > MaxWindow {
		g.taken, g.durable = g.hello.Base, g.hello.Base
	}
}

// takeData shows the handler a frame that is the next one. Others are answered
// with what is durable: the answer to the first may have been lost, or frames
// before this one.
func (g *Gateway) takeData(now uint64, h GatewayHandler) bool {
	if !g.hello.Capabilities.allow(g.data.Type) {
		return false
	}
	if g.data.Seq != g.taken {
		g.ackAt = sooner(g.ackAt, g.acked+ackGap)
		return true
	}
	if g.taken-g.durable >= uint32(g.limit) {
		return false // more than it was ever allowed
	}
	g.taken++ // before the call, in which Durable may already say so
	if !h.Data(&g.data) {
		g.taken--
	}
	return true
}

// answer is a kind of frame that a gateway sends.
type answer byte

const (
	answerPoll answer = iota
	answerWelcome
	answerRefuse
	answerAck
	answerTime
)

// schedule returns which frame is due next, and when: at once if that is not in
// the future.
func (g *Gateway) schedule() (answer, uint64) {
	what, at := answerPoll, g.lostAt() // then it polls
	first := func(a answer, t uint64) {
		if t < at {
			what, at = a, t
		}
	}
	switch g.phase {
	case GatewayIdle:
		first(answerPoll, g.pollAt)
	case GatewayChallenged:
		first(answerWelcome, g.welcomeAt)
	case GatewayRefused:
		first(answerRefuse, g.refuseAt)
	case GatewayAccepted:
		first(answerWelcome, g.welcomeAt)
		first(answerAck, g.ackAt)
		if g.timeOK {
			first(answerTime, g.timeAt)
		}
	}
	return what, at
}

// Next returns when Send will have something if nothing arrives before: now when
// it has.
func (g *Gateway) Next(now uint64) uint64 {
	_, at := g.schedule()
	return later(at, now)
}

// Send appends the next frame that is due, and nothing when none is. Write it to
// the line at once, and call again when it is written: a time message tells the
// time of this call. MaxAnswer bytes suffice.
func (g *Gateway) Send(dst []byte, now uint64) []byte {
	g.expire(now)
	what, at := g.schedule()
	if at > now {
		return dst
	}
	frame := g.scratch[:0]
	switch what {
	case answerPoll:
		g.pollAt = now + pollEvery
		frame = Poll{}.Append(frame)
	case answerWelcome:
		frame = g.welcome(frame, now)
	case answerRefuse:
		g.refuseAt, g.refused = never, now
		m := Refuse{g.hello.Session, g.reason}
		frame = m.Append(frame)
	case answerAck:
		g.ackAt, g.acked = now+ackEvery, now
		m := Ack{g.session, g.durable, g.window}
		frame = m.Append(frame)
	case answerTime:
		g.timeAt = now + timeEvery
		m := g.timeNow(now)
		frame = m.Append(frame)
	}
	if len(frame) == 0 {
		return dst
	}
	return AppendFrame(dst, frame)
}

// welcome appends a welcome; without a challenge nothing, until there is one.
func (g *Gateway) welcome(frame []byte, now uint64) []byte {
	m := Welcome{Version: Version, MaxFrame: MaxFrame, Window: g.window, Session: g.hello.Session}
	g.welcomeAt = never
	if g.phase == GatewayChallenged {
		g.welcomeAt = now + welcomeEvery
		if !g.draw() {
			return frame
		}
		m.Challenge = g.challenge
	}
	return m.Append(frame)
}

// draw makes a challenge unless one is open, and reports whether one is.
func (g *Gateway) draw() bool {
	if g.drawn {
		return true
	}
	g.challenge = [challengeSize]byte{}
	err := g.random(&g.challenge)
	g.drawn = err == nil && g.challenge != [challengeSize]byte{}
	return g.drawn
}

// timeNow returns the time message of now.
func (g *Gateway) timeNow(now uint64) Time {
	t := g.time
	if t.UnixMilli != 0 && now > g.timeSet {
		t.UnixMilli += now - g.timeSet
	}
	return t
}

// MaxAnswer is how many bytes the longest frame of a gateway has on the wire.
const MaxAnswer = 1 + welcomeSize + CRCSize + 1 + 1
