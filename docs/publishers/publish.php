<?php // php publish.php HOST USER PASSWORD < EVENTS     (composer require php-amqplib/php-amqplib:^3)
// One event (JSON) a line; the id of each is printed once RabbitMQ has it on disk. Not run by Ulak's tests.
require __DIR__ . '/vendor/autoload.php';
use PhpAmqpLib\{Connection\AMQPStreamConnection, Message\AMQPMessage};

$connection = new AMQPStreamConnection($argv[1], 5672, $argv[2], $argv[3]);
$channel = $connection->channel();
$channel->confirm_select();
$channel->set_nack_handler(fn ($message) => throw new RuntimeException('RabbitMQ refused a message'));
$channel->set_return_listener(fn ($code, $text, $exchange, $key) => throw new RuntimeException("no queue takes $key"));
$properties = ['content_type' => 'application/cloudevents+json', 'delivery_mode' => AMQPMessage::DELIVERY_MODE_PERSISTENT];
while (($line = fgets(STDIN)) !== false) {
    $event = json_decode($line, true, 64, JSON_THROW_ON_ERROR);
    $channel->basic_publish(new AMQPMessage(rtrim($line), $properties), 'ulak.notifications', $event['type'], true);
    $channel->wait_for_pending_acks_returns(10); // throws after 10 s; the fourth argument above is `mandatory`
    echo $event['id'], "\n";
}
$connection->close();
