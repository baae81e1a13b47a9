// dotnet run -- amqp://USER:PASSWORD@HOST/%2f < EVENTS     (dotnet add package RabbitMQ.Client --version 7.*)
// One event (JSON) a line; the id of each is printed once RabbitMQ has it on disk. Not run by Ulak's tests.
using System.Text;
using System.Text.Json;
using RabbitMQ.Client;

await using var connection = await new ConnectionFactory { Uri = new Uri(args[0]) }.CreateConnectionAsync();
// With tracking, BasicPublishAsync throws PublishException unless RabbitMQ has taken the message.
var confirmed = new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true);
await using var channel = await connection.CreateChannelAsync(confirmed);
var properties = new BasicProperties { ContentType = "application/cloudevents+json", Persistent = true };
using var input = new StreamReader(Console.OpenStandardInput(), Encoding.UTF8);
while (await input.ReadLineAsync() is { } line)
{
    var root = JsonDocument.Parse(line).RootElement;
    var (type, id) = (root.GetProperty("type").GetString()!, root.GetProperty("id").GetString());
    await channel.BasicPublishAsync("ulak.notifications", type, mandatory: true, properties, Encoding.UTF8.GetBytes(line));
    Console.WriteLine(id);
}
