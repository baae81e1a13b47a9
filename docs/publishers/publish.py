# python publish.py amqp://USER:PASSWORD@HOST/%2f < EVENTS     (pip install pika)
# One event (JSON) a line; the id of each is printed once RabbitMQ has it on disk.
import json, sys, pika

connection = pika.BlockingConnection(pika.URLParameters(sys.argv[1]))
channel = connection.channel()
channel.confirm_delivery()  # from here on basic_publish raises unless RabbitMQ has taken the message
properties = pika.BasicProperties(content_type="application/cloudevents+json", delivery_mode=2)  # 2: persistent
for line in sys.stdin.buffer:
    event = json.loads(line)
    channel.basic_publish("ulak.notifications", event["type"], line, properties, mandatory=True)
    print(event["id"], flush=True)
connection.close()
