"""Publishes events with pika, as a clinic's Python program would.

usage: publish.py AMQP_URL < EVENTS

One event (JSON) a line on standard input; each goes to the exchange `ulak.notifications` with its own type as routing
key, persistent, and is confirmed before its line is printed: {"id": ..., "at_ms": when it was handed to the broker}.
"""

import json
import sys
import time

import pika


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    connection = pika.BlockingConnection(pika.URLParameters(sys.argv[1]))
    channel = connection.channel()
    channel.confirm_delivery()
    for line in sys.stdin:
        event = json.loads(line)
        at_ms = int(time.time() * 1000)
        channel.basic_publish(
            exchange="ulak.notifications",
            routing_key=event["type"],
            body=json.dumps(event, ensure_ascii=False).encode("utf-8"),
            properties=pika.BasicProperties(
                content_type="application/cloudevents+json",
                delivery_mode=pika.DeliveryMode.Persistent,
                message_id=event["id"],
            ),
            mandatory=True,
        )
        print(json.dumps({"id": event["id"], "at_ms": at_ms}), flush=True)
    connection.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
