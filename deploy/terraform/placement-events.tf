# SPDX-License-Identifier: Apache-2.0
# What GameLift says of placements, in an SQS queue that the service takes it from. One for each AWS
# account and region with GameLift queues; docs/placements.md has the same as AWS CLI commands.

terraform {
  required_version = ">= 1.3"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

variable "name" {
  description = "Of the queue and the rule, and the start of the other names."
  type        = string
  default     = "session-dsm-placement-events"
}

variable "service_principals" {
  description = "Names of the IAM roles that the service runs as, which get the policy. Empty: attach it yourself."
  type        = list(string)
  default     = []
}

variable "alarm_actions" {
  description = "ARNs that are told when a message ends as a dead letter. Empty: nobody is."
  type        = list(string)
  default     = []
}

resource "aws_sqs_queue" "dead" {
  name                      = "${var.name}-dead"
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = true
}

resource "aws_sqs_queue" "events" {
  name                       = var.name
  visibility_timeout_seconds = 30
  receive_wait_time_seconds  = 20
  message_retention_seconds  = 345600
  sqs_managed_sse_enabled    = true
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead.arn
    maxReceiveCount     = 100
  })
}

resource "aws_sqs_queue_redrive_allow_policy" "dead" {
  queue_url = aws_sqs_queue.dead.id
  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [aws_sqs_queue.events.arn]
  })
}

resource "aws_cloudwatch_event_rule" "placements" {
  name          = var.name
  description   = "Ends of GameLift placements, for session-dsm"
  event_pattern = file("${path.module}/event-pattern.json")
}

resource "aws_cloudwatch_event_target" "queue" {
  rule = aws_cloudwatch_event_rule.placements.name
  arn  = aws_sqs_queue.events.arn
}

resource "aws_sqs_queue_policy" "events" {
  queue_url = aws_sqs_queue.events.id
  policy = templatefile("${path.module}/queue-policy.json", {
    queue_arn = aws_sqs_queue.events.arn
    rule_arn  = aws_cloudwatch_event_rule.placements.arn
  })
}

resource "aws_iam_policy" "service" {
  name        = var.name
  description = "session-dsm takes placement events: that statement of deploy/iam-policy.json, for this queue"
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      for s in jsondecode(file("${path.module}/../iam-policy.json")).Statement :
      merge(s, { Resource = aws_sqs_queue.events.arn }) if s.Sid == "TakePlacementEvents"
    ]
  })
}

resource "aws_iam_role_policy_attachment" "service" {
  for_each   = toset(var.service_principals)
  role       = each.value
  policy_arn = aws_iam_policy.service.arn
}

resource "aws_cloudwatch_metric_alarm" "dead" {
  alarm_name          = "${var.name}-dead"
  alarm_description   = "A placement's event could not be dealt with"
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = aws_sqs_queue.dead.name }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_actions
}

output "queue_url" {
  description = "PLACEMENT_EVENTS_QUEUE_URL"
  value       = aws_sqs_queue.events.url
}

output "policy_arn" {
  description = "Attach it to what the service runs as."
  value       = aws_iam_policy.service.arn
}
